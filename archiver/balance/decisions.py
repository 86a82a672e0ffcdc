"""SQL of what a decision sends out, and of where each of it is now."""

NOT_CLEARED = "coalesce((select first_at from router.cleared), '-infinity')"
"""Time from which all decisions are there: those from before may be gone, as their term is over. It
is read in the statement that looks for a decision, so that both see the same state."""
LEFT = """select from sharing.stopped_number s
    where s.tenant = e.tenant and s.left_at is not null"""
"""Query that has a row if the municipality of the entry `e` left: its decisions go with it."""
ITEMS_FROM = f"({NOT_CLEARED} + interval '1 hour')"
"""Time from which an item in the record has its decision. The id of an item has the time of its
receipt, by the clock of a gateway, which may be ahead."""

ISSUED = """
select 'record' as equation, id, number as subject, partition, xact
from decided, unnest(records) id
union all
select 'delivery', event, destination, partition, xact
from decided, unnest(events, destinations) e (event, destination)
union all
select 'send', send, number, partition, xact from decided where send is not null
union all
select 'quarantine', record, number, partition, xact from decided where is_quarantined
"""
"""Ids that the rows of `decided` sent out: those of `router.inbox`."""

STATE = """
case equation
    when 'record' then coalesce(
        (select 'recorded' from archiver.entry e where e.id = l.id),
        (select 'aside' from archiver.quarantine q where q.record = l.id limit 1))
    when 'delivery' then coalesce(
        (select state from deliverer.delivery d
         where d.destination = l.subject and d.event = l.id),
        (select 'waiting' from router.waiting w
         where w.destination = l.subject and w.event = l.id),
        (select 'held' from router.held h where h.id = l.id and h.destination = l.subject))
    when 'send' then (select state from deliverer.ledger g where g.id = l.id)
    when 'quarantine' then (
        select case when dropped_at is not null then 'dropped'
            when again_at is not null then 'again' else 'waiting' end
        from router.quarantine q where q.id = l.id)
    when 'item' then (select 'recorded' from router.inbox i where i.record = l.id limit 1)
    when 'receipt' then (
        select 'recorded' from archiver.entry e where e.receipt = l.id and e.item is not null
        having count(distinct item) > max(item))
end
"""
"""State of the row of `l`, looked up in the tables of its owner; null if it is nowhere."""
