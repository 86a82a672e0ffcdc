"""Questions to the database, each answered from indexes however many rows there are.

No table is counted whole: a count stops after CAP rows.
"""

from collections.abc import Mapping

from archiver.balance.store import GAP_SECONDS
from cli.status.answers import Scope
from cli.status.snapshot import CAP
from cli.support.unlimited_tokens import UNLIMITED
from services.postgres.database import Query
from services.stops.stopped_numbers import not_stopped

_COUNT = f"(select count(*) from (select from {{}} limit {CAP + 1}) counted)"
"""At most CAP + 1 rows."""


def _count_deliveries(state: str) -> str:
    return _COUNT.format(f"deliverer.delivery d where d.destination = id and d.state = '{state}'")


SESSIONS = """
select split_part(application_name, ' ', 1) as service,
    split_part(application_name, ' ', 2) as instance
from pg_stat_activity
where application_name like 'postkamer-% %' and datname = current_database()
group by 1, 2 order by 1, 2
"""
LEASES = "select partition, epoch from router.lease order by partition"
SHARING = """
select service, name, reads, holds from sharing.instance
where abs(extract(epoch from now() - seen_at)) < 10 order by service, name
"""
PAUSES = "select destination, since, reason from deliverer.pause"
DESTINATIONS = f"""
select id, {_count_deliveries("parked")} as parked, {_count_deliveries("aside")} as aside,
    {_count_deliveries("replay")} as replaying,
    (select min(at) from (select at from deliverer.delivery d
        where d.destination = id and d.state = 'aside' limit {CAP + 1}) waiting) as oldest
from (select unnest($1::text[])
    union select destination from (select destination from deliverer.delivery
        where state = 'parked' limit {CAP + 1}) parked) known (id)
order by array_position($1, id), id
"""
NUMBERS = f"""
select known.id, {_COUNT.format("deliverer.ledger where number = known.id and state = 'queued'")}
        as queued,
    exists (select from deliverer.ledger where number = known.id and state = 'queued' and stopped)
        as stopped,
    (select min(due_at) from (select due_at, person, number from deliverer.ledger
        where number = known.id and state = 'queued' order by due_at limit {CAP + 1}) line
        where not exists (select from deliverer.ledger h where h.state = 'held'
            and h.person = line.person and h.number = line.number)) as due_at,
    (select created_at from deliverer.ledger where number = known.id and state = 'queued'
        order by position limit 1) as oldest,
    coalesce((select state from router.standing s where s.number = known.id), 'open') as state,
    (select stopped_at from sharing.stopped_number s where s.number = known.id) as moves_since
from unnest($1::text[]) known (id)
"""
HELD = f"""
select number, count(*) as held from (select number from deliverer.ledger
    where state = 'held' limit {CAP + 1}) held group by number
"""
IN_DOUBT = f"""
select number, count(*) as in_doubt from (select number from deliverer.ledger
    where state = 'unconfirmed' limit {CAP + 1}) in_doubt group by number
"""
FILES = f"""
select count(*) as count, min(sent_at) as since from (
    (select sent_at from archiver.media where state = 'waiting' order by due_at limit {CAP + 1})
    union all
    (select sent_at from archiver.media where state = 'fetched' order by due_at limit {CAP + 1})
) waiting
"""
TIMERS = f"""
select count(*) as count, min(due_at) as since from (select due_at from router.timer
    where due_at < now() and {not_stopped("number")} order by due_at limit {CAP + 1}) due
"""
QUARANTINE = f"""
select count(*) as count, min(at) as since from (select at from router.quarantine
    where again_at is null and dropped_at is null order by at, id limit {CAP + 1}) waiting
"""
ARCHIVE = f"""
select (select size from archiver.head) as entries, c.size as checkpoint_entries,
    c.at as checkpoint_at, {_COUNT.format("archiver.quarantine")} as aside,
    (select written_at from archiver.entry where position >= coalesce(c.size, 0)
        order by position limit 1) as unsigned_since
from (select 1) one left join (select size, at from archiver.checkpoint
    where size <= (select size from archiver.head) order by size desc limit 1) c on true
"""
DATABASE = """
select pg_database_size(current_database()) as used, host(inet_server_addr()) as address,
    (select setting from pg_settings where name = 'data_directory') as folder,
    pg_backend_pid() as process
"""
WAITING_EVENTS = """
with recursive line as (
    (select partition, destination from router.waiting order by partition, destination limit 1)
    union all
    select next.partition, next.destination from line cross join lateral (
        select w.partition, w.destination from router.waiting w
        where (w.partition, w.destination) > (line.partition, line.destination)
        order by w.partition, w.destination limit 1) next
)
select line.destination, sum(newest.n - oldest.n + 1)::bigint as waiting, min(oldest.at) as since
from line
cross join lateral (select n, at from router.waiting where partition = line.partition
    and destination = line.destination order by n limit 1) oldest
cross join lateral (select n from router.waiting where partition = line.partition
    and destination = line.destination order by n desc limit 1) newest
group by line.destination
"""
"""Also of destinations and partitions that have left the configuration: nobody publishes those."""
SAMPLE = 1000
UNDELIVERED = f"""
select destination, min(began_at) as since from (select subject as destination, began_at
    from balance.open where equation = 'delivery' and part in ('under way', 'waiting')
    order by id limit {SAMPLE}) undelivered group by destination
"""
"""Oldest delivery of each destination that the balance follows. Ids have no order, so of more than
SAMPLE it is one of the oldest: seconds off in hours where most of them wait, more where few do."""
HEALTH = """
select number, "check" as name, state, detail, until, looked_at from deliverer.number_health
order by number, "check"
"""
TRIALS = f"""
select t.number, {_COUNT.format("deliverer.guest g where g.number = t.number")} as guests
from deliverer.trial t where t.live_at is null order by t.number
"""
SILENCE = """
select number, silent_since, silent_seconds, counts_from, usual_gap_seconds, looked_at
from router.silence
order by number
"""
MISSING = f"""
select equation, count(*) as missing from (
    (select equation from balance.open where part = 'missing' limit {CAP + 1})
    union all
    (select 'batch' from balance.lost_batch
        where since < now() - make_interval(secs => $1) limit {CAP + 1})
    union all
    (select 'entry' from balance.lost_entry where accepted_at is null limit {CAP + 1})
) missing group by equation
"""
APPROVED = f"""
select version from router.approval where identified = 'proven' order by at desc limit {CAP}
"""
ALONE = """
select f.version as name from (select * from router.in_force order by n desc limit 1) f
where f.because = 'alone' and 2 > (select count(*) from router.approval a
    where a.version = f.version and a.identified = 'proven' and a.confirmed_at is not null)
"""
UNCONFIRMED = """
select name from access.token where (mac is null or exists (
        select from access.refused_token r where r.name = token.name and r.why = 'unrecorded'))
    and revoked_at is null and (expires_at is null or expires_at > now())
order by name
"""
BALANCE = "select begun_at, round_at from balance.progress"


def list_queries(scope: Scope) -> Mapping[str, Query]:
    """Return the questions by name. The cheap and important ones come first."""
    return {
        "leases": Query(LEASES),
        "sharing": Query(SHARING),
        "pauses": Query(PAUSES),
        "health": Query(HEALTH),
        "silence": Query(SILENCE),
        "trials": Query(TRIALS),
        "approved": Query(APPROVED),
        "alone": Query(ALONE),
        "balance": Query(BALANCE),
        "missing": Query(MISSING, (GAP_SECONDS,)),
        "destinations": Query(DESTINATIONS, (list(scope.destinations),)),
        "waiting_events": Query(WAITING_EVENTS),
        "undelivered": Query(UNDELIVERED),
        "numbers": Query(NUMBERS, (list(scope.numbers),)),
        "held": Query(HELD),
        "in_doubt": Query(IN_DOUBT),
        "timers": Query(TIMERS),
        "files": Query(FILES),
        "quarantine": Query(QUARANTINE),
        "unlimited_tokens": Query(UNLIMITED),
        "unconfirmed_tokens": Query(UNCONFIRMED),
        "archive": Query(ARCHIVE),
        "sessions": Query(SESSIONS),
        "database": Query(DATABASE),
    }
