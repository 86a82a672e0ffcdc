-- Whether a place of the citizen moves the pin of a report: 'default', it is at the default place;
-- 'given', it is where the citizen said; 'fixed', words came after that place.
alter table deliverer.report add column pin text not null default 'default';
