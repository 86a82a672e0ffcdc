"""The tables with rows of one municipality, and the order in which they are loaded.

A table without a line here stays where it is. `LEFT` says why; a test holds both against the
database.
"""

from typing import NamedTuple

from gateway.commands.idempotency import CAME
from services.event_types import event_source

TENANT = "t.tenant = $1"
NUMBER = "t.number = any($2)"
DESTINATION = "t.destination = any($3)"
CONVERSATION = "split_part(t.conversation, '-', 1) = any($2)"
SOURCE = "t.source = '" + event_source("' || $1 || '") + "'"
"""Conditions for a row `t`: $1 is the municipality, $2 its numbers, $3 the destinations that it has
alone. The id of a conversation begins with that of its number."""
ALL_GIVEN = "$1::text is not null and $2::text[] is not null and $3::text[] is not null"
"""Condition that names all three, since PostgreSQL refuses a value that no condition names."""
OWNERS_QUESTION = "select count(*) from router.brought_key"
"""Question that is answered to the owner alone, of those who have the keys of the archive: it comes
before a package is opened."""
STATEMENT_SECONDS = 600.0
"""Time limit of one statement: a municipality has millions of rows."""


class Table(NamedTuple):
    """A table, the condition for its rows, and the columns by which they are in order."""

    name: str
    where: str
    order: str
    without: tuple[str, ...] = ()
    """Columns that are given anew where the row comes."""
    instead: tuple[tuple[str, str], ...] = ()
    """Columns that have another value where the row comes, as PostgreSQL reads it from JSON."""
    is_guarded: bool = False
    """True if triggers hold its rows to an order of steps, which those that come have behind
    them."""
    is_of_own: bool = False
    """True if only rows of a destination come that the municipality has alone, here and there."""


BALANCED = (("xact", "0"),)
"""Transaction that the balance has taken: decisions are balanced where they were made."""
RECORD = (
    Table("archiver.request", TENANT, "id"),
    Table("archiver.hold", TENANT, "id", is_guarded=True),
    Table("archiver.destruction_list", TENANT, "id", is_guarded=True),
    Table("archiver.destruction_item", TENANT, "list, conversation", is_guarded=True),
    Table(
        "archiver.declaration",
        "t.list in (select l.id from archiver.destruction_list l where l.tenant = $1)",
        "list",
        is_guarded=True,
    ),
    Table("archiver.destroyed_conversation", TENANT, "conversation", is_guarded=True),
    Table("archiver.destruction_notice", TENANT, "conversation"),
    Table("archiver.disclosure", TENANT, "id", is_guarded=True),
    Table("archiver.disclosure_document", TENANT, "disclosure, number", is_guarded=True),
    Table(
        "archiver.handover", TENANT, "conversation, target, sequence", without=("claimed_until",)
    ),
    Table("archiver.media", TENANT, "id"),
    Table("archiver.processing", TENANT, "start_time, trace_id, span_id"),
    Table("archiver.subject", TENANT, "hash, conversation, entry"),
    Table("archiver.searchable", TENANT, "id"),
    Table("archiver.former_log", TENANT, "origin"),
    Table("archiver.former_entry", TENANT, "origin, position"),
)
"""Tables beside the log. A table comes after those to which it refers."""
WORK = (
    Table("router.identity", TENANT, "hash, valid_from, person"),
    Table("router.conversation", TENANT, "id"),
    Table("router.outgoing", TENANT, "id"),
    Table("router.timer", NUMBER, "id"),
    Table("router.consent", TENANT, "person, purpose"),
    Table("router.withdrawal", TENANT, "person, by"),
    Table("router.opt_out", TENANT, "person, category"),
    Table("router.charge", TENANT, "id"),
    Table("router.figure", TENANT, "day, number, department, what, value"),
    Table("router.month_figure", TENANT, "month, number, department, what, hour, rule"),
    Table("router.rule_figure", TENANT, "month, number, department, what, rule, version"),
    Table("router.heard", NUMBER, "number, hour"),
    Table("router.standing", NUMBER, "number"),
    Table("router.early_status", NUMBER, "wamid_hash, status"),
    Table("router.held", CONVERSATION, "n", without=("n",)),
    Table("router.inbox", NUMBER, "key", without=("partition",), instead=BALANCED),
    Table("gateway.command", TENANT, "id", instead=(("fingerprint", f"\\x{CAME.hex()}"),)),
    Table("gateway.media", TENANT, "id"),
    Table(
        "deliverer.delivery", TENANT, "destination, event", without=("claimed_by", "claimed_until")
    ),
    Table(
        "deliverer.sent",
        "exists (select from deliverer.delivery d where d.tenant = $1"
        " and (d.destination, d.event) = (t.destination, t.event))",
        "destination, event",
    ),
    Table("deliverer.secret", f"{DESTINATION} and t.sealed is not null", "id", is_of_own=True),
    Table("deliverer.ledger", NUMBER, "position", without=("position", "claimed_by", "claimed_at")),
    Table("deliverer.guest", NUMBER, "id"),
    Table("deliverer.internetaak", CONVERSATION, "destination, event"),
    Table("deliverer.klantcontact", CONVERSATION, "destination, event"),
    Table(
        "deliverer.registration",
        "exists (select from deliverer.klantcontact k where k.destination = t.destination"
        " and k.event = t.contact and split_part(k.conversation, '-', 1) = any($2))",
        "destination, klantcontact",
    ),
    Table("deliverer.contact_erasure", CONVERSATION, "destination, event"),
    Table("deliverer.report", CONVERSATION, "destination, event"),
    Table("deliverer.found_command", CONVERSATION, "position", without=("position",)),
    Table("desk.conversation", "split_part(t.id, '-', 1) = any($2)", "id"),
    Table("desk.alarm", CONVERSATION, "conversation"),
    Table("desk.draft", CONVERSATION, "conversation, person"),
    Table("desk.answer", CONVERSATION, "key"),
    Table("desk.standard_answer", SOURCE, "id"),
)
"""Tables with which the services work."""
TABLES = (*RECORD, *WORK)

NEITHER = "of the installation, and not of a municipality"
STATE = "found again by looking: nothing is lost with it"
WAITS = "empty once the municipality is stopped and all is done"
LEFT = {
    "archiver.entry": "in `entries/`",
    "archiver.conversation_key": "in `keys`",
    "archiver.municipality_key": "in `keys`",
    "archiver.former_leaves": "in `former-leaves`",
    "archiver.dossier": "made again from the log",
    "archiver.renewal": "a package is not final while there is one",
    "archiver.destruction_order": "what it destroyed is gone, and does not come along",
    "archiver.quarantine": "a package is not final while something of it is there",
    **dict.fromkeys(
        (
            *("access.budget", "access.installation", "access.operation", "access.refused_token"),
            *("access.told_tokens", "archiver.checkpoint", "archiver.cosignature", "archiver.node"),
            *("archiver.time_stamp", "archiver.head", "archiver.rewritten", "archiver.late_look"),
            *("archiver.destruction_rule", "archiver.dossier_progress"),
            *("archiver.handover_progress", "balance.accepted", "balance.consumer"),
            *("balance.lost_entry", "balance.open", "balance.past", "balance.progress"),
            *("balance.published", "balance.total", "restoration.comparison"),
            *("router.cleared", "router.gap", "router.lease", "router.sighting", "router.source"),
            *("router.suspect", "sealing.oldest_archive_key", "sealing.working_key"),
            *("sharing.gateway", "sharing.instance"),
            "sharing.partitions",
            *("desk.event", "desk.session", "desk.reason", "gateway.upload"),
            "postkamer.migration",
        ),
        NEITHER,
    ),
    "access.token": "given out anew: their address changes too",
    "router.version": "with other municipalities' rules in it; the record has the reasons",
    "router.approval": "of `router.version`",
    "router.in_force": "of `router.version`",
    "router.taken_version": "as `router.version`",
    "router.proposed_version": "as `router.version`; its files are where the services run",
    "router.brought_key": "in `hash-key`",
    "sharing.stopped_number": "set on both sides",
    **dict.fromkeys(
        (
            *("router.silence", "router.template", "deliverer.destination_failure"),
            *("deliverer.look", "deliverer.number_health", "deliverer.number_look"),
            *("deliverer.pace", "deliverer.pause", "deliverer.table_lease"),
            *("deliverer.template", "deliverer.template_look", "deliverer.upload"),
            *("deliverer.trial", "deliverer.owner_notice", "deliverer.mark"),
        ),
        STATE,
    ),
    **dict.fromkeys(
        (
            "router.waiting",
            "router.quarantine",
            "deliverer.outcome",
            "deliverer.owner_action",
            "deliverer.resend",
        ),
        WAITS,
    ),
}
"""Table -> why none of its rows goes along."""
