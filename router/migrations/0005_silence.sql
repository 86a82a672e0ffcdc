-- Silence of numbers: when citizens wrote, without who they are and what they wrote.

-- Messages of citizens in an hour, each counted once, in the transaction of its decision.
create table router.heard (
    number text not null,
    hour timestamptz not null,
    messages int not null,
    minutes bigint not null,            -- bit n: a citizen wrote in minute n of the hour
    last_at timestamptz not null,
    primary key (number, hour)
);

-- Each number at the last look of the router that looks.
create table router.silence (
    number text primary key,
    heard_at timestamptz,               -- last message of a citizen; null: none has come yet
    counts_from timestamptz,            -- from when an alarm is possible: four weeks after the first
    clock_from timestamptz,             -- the number was closed, or no router ran, until then
    silent_since timestamptz,           -- begin of a silence that is an alarm, until the next message
    silent_seconds double precision not null,   -- open time since the last message
    usual_gap_seconds double precision, -- of this weekday and hour, in open time; null: unknown
    alarm_at timestamptz,               -- time of the alarm if no message comes
    looked_at timestamptz not null
);

grant select, insert, update, delete on router.heard, router.silence to postkamer_router;
