-- What is sent with a test token never reaches Meta.
alter table access.token add column test boolean not null default false;
