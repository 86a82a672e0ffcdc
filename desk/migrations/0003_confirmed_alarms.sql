-- A confirmation is kept, by its sequence number: an alarm that comes after it and is older, as one
-- that was parked, is no alarm any more.
alter table desk.alarm
    add column sequence bigint not null default 0,      -- of the newest alarm
    add column confirmed bigint not null default -1;    -- of the newest confirmation; -1: of none
