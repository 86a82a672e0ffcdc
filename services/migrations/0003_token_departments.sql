-- Departments of a token are named, or said to be all. A row of before without any, which meant all
-- and the confidential ones too, is recognised by both being empty; it keeps its rights.
alter table access.token
    add column all_departments bool not null default false,     -- all that are not confidential
    add column confidential bool not null default false,        -- the confidential ones too
    add check (all_departments or not confidential);
