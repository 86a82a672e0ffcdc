-- Messages of the post whose answer is still to come, or was lost: a report that is found again has
-- these, and what came after it is added.
alter table deliverer.report add column posted uuid[] not null default '{}';
