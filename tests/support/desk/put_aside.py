"""Deliveries that the destination of the desk refused, and messages that were put aside unread."""

PUT_ASIDE = """
update deliverer.delivery set state = 'parked', status = 422, at = now(),
    reason = 'the destination refused this message: 422'
where destination = 'desk' and event in (select event from deliverer.sent order by event limit 9);
insert into router.quarantine (id, reason, raw, number, conversation)
select gen_random_uuid(), reason, 'x', number, conversation from (
    (select 'a fault in the router' as reason, number, id as conversation from router.conversation
        where department = 'burgerzaken' order by id limit 1)
    union all (select 'the sender has no identity', number, '' from router.conversation limit 2)
) put;
insert into archiver.quarantine (id, reason, salt, sealed, conversation)
select gen_random_uuid(), 'it cannot be sealed', 'x', 'x', id from router.conversation
where department = 'burgerzaken' order by id limit 1
"""
"""SQL. A few deliveries: axe-core would judge each of all that a town delivered."""
