"""Holders and writers of each partition, as the database saw them. Triggers that the routers do not
know write a row for each, in order.

A router takes a partition's epoch by an update of a row that every commit locks, so the order of
these rows is the order of holding and writing.
"""

from dataclasses import replace

import msgspec

from services.amqp.topology import partition_of
from tests.support.installation import Installation

PARTITIONS = 2
WATCH = """
create schema watched;
create table watched.step (
    n bigserial primary key,
    process text not null,
    number text not null,        -- of the conversation written; '' where an epoch was taken
    partition int,
    epoch bigint,
    at timestamptz not null default clock_timestamp()
);
create function watched.took() returns trigger language plpgsql security definer as $$
begin
    insert into watched.step (process, number, partition, epoch)
    values (current_setting('test.process'), '', new.partition, new.epoch);
    return null;
end $$;
create function watched.wrote() returns trigger language plpgsql security definer as $$
begin
    insert into watched.step (process, number) values (current_setting('test.process'), new.number);
    return null;
end $$;
create trigger took after insert or update of epoch on router.lease
    for each row execute function watched.took();
create trigger wrote after insert or update on router.conversation
    for each row execute function watched.wrote();
"""
STEPS = """
select concat_ws(' ', process, coalesce(partition, -1), coalesce(epoch, 0), number)
from watched.step order by n
"""
HOLDERS = """
select distinct on (partition) process from watched.step where number = ''
order by partition, n desc
"""
PAUSE = """
select coalesce(max(extract(epoch from gap)), 0) from (
    select at - lag(at) over (partition by number order by n) as gap from watched.step
    where number <> '' and n > {}) as gaps
"""
URL = "POSTKAMER_DATABASE_URL"


class Turn(msgspec.Struct):
    """One holding of a partition: by whom, and who wrote how often in it."""

    partition: int
    epoch: int
    process: str
    writers: dict[str, int]


def named(town: Installation, name: str, **settings: str) -> None:
    """Have a process that does not run tell the database its name, from its next start; with these
    settings instead of its own."""
    process = town.services[name]
    changed = dict(process.program.environment) | settings
    changed[URL] = f"{changed[URL].partition('?')[0]}?test.process={name}"
    process.program = replace(process.program, environment=changed)


def watched(town: Installation) -> None:
    """Record holders and writers from here on; every router that runs is `named`."""
    town.database.execute(WATCH)


def turns(town: Installation, partitions: int) -> list[Turn]:
    """Each partition's, in order."""
    found: dict[int, list[Turn]] = {n: [] for n in range(partitions)}
    for row in town.database.execute(STEPS).splitlines():
        process, partition, epoch, number = (row + " ").split(" ")[:4]
        if number:
            writers = found[partition_of(number, partitions)][-1].writers
            writers[process] = writers.get(process, 0) + 1
        else:
            found[int(partition)].append(Turn(int(partition), int(epoch), process, {}))
    return [turn for each in found.values() for turn in each]


def holders(town: Installation) -> list[str]:
    """The present holder of each partition that was ever held."""
    return town.database.execute(HOLDERS).splitlines()


def last_step(town: Installation) -> int:
    return int(town.database.execute("select coalesce(max(n), 0) from watched.step"))


def longest_pause(town: Installation, since: int) -> float:
    """Seconds in which nothing was written for a number, after a step."""
    return float(town.database.execute(PAUSE.format(since)))
