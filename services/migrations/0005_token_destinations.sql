-- Destinations of which a token is the owner: it may see and repeat what was sent there, and change
-- the secrets that sign it.
alter table access.token add column destinations text[] not null default '{}';
