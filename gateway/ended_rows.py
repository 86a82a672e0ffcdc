"""Rows of the gateway that end at their term (docs/operators/terms.md)."""

from services.clearing import Clearing

# A CRM asks for the fate of a message, and says which answer it saw last, for as long as the
# conversation is open, or may open again.
_COMMANDS = Clearing(
    "gateway.command",
    "command_days",
    since="accepted_at",
    ended="""not exists (select from router.conversation c
            where c.id = command.conversation and (c.closed_at is null or c.closed_at > $1))
        and not exists (select from router.outgoing o join router.conversation c
                on c.id = o.conversation
            where o.id = command.id and (c.closed_at is null or c.closed_at > $1))
        and not exists (select from deliverer.ledger l
            where l.id = command.id and l.state not in ('sent', 'failed'))""",
)
# The archive copies the file of each message that goes out. Until it has the record of the message,
# the ledger has the message.
# The object goes with the abandoned ones, which the gateway sweeps from the object store.
_UPLOADS = Clearing(
    "gateway.media",
    "upload_days",
    since="created_at",
    ended="""not exists (select from deliverer.ledger l
            where l.media = media.id and (l.state not in ('sent', 'failed')
                or not exists (select from archiver.media m where m.id = l.id)))
        and not exists (select from archiver.media m
            where m.upload = media.id and m.state = 'waiting')""",
    also=""", objects as (
    insert into gateway.upload (object, begun_at) select object, created_at from gone
    on conflict do nothing
)""",
)
CLEARINGS = _COMMANDS, _UPLOADS
