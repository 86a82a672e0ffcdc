"""Tamperings with terms, holds, destruction lists, declarations and orders of destruction."""

from tests.support.tamperings.of_procedure import OF_PROCEDURE
from tests.support.tamperings.tampering import Tampering

UNGUARDED = (
    "alter table archiver.{0} disable trigger user;{1};alter table archiver.{0} enable trigger user"
)
NOT_ITS_STEPS = "is not what its steps say: "
ON = "where list = (select id from archiver.destruction_list where state = '{}')"
ONE = "and conversation = (select min(conversation) from archiver.destruction_item i {})"
DRAWN = ON.format("drawn")
ONE_DRAWN = f"{DRAWN} {ONE.format(DRAWN)}"
VALUED = "where conversation = (select min(conversation) from archiver.dossier where state = '{}')"


def _unguarded(table: str, act: str) -> str:
    """Return an act of whoever takes the triggers away meanwhile."""
    return UNGUARDED.format(table, act)


def _of(table: str, id: str, what: str, act: str, says: str) -> Tampering:
    return Tampering(id=f"destruction-{id}", what=what, act=_unguarded(table, act), says=says)


def _of_list(id: str, what: str, change: str, says: str) -> Tampering:
    act = f"update archiver.destruction_list set {change}"
    return _of("destruction_list", id, what, act, says)


def _of_item(id: str, what: str, act: str, says: str) -> Tampering:
    return _of("destruction_item", id, what, act, says)


def _of_hold(id: str, what: str, act: str, says: str) -> Tampering:
    return _of("hold", id, what, act, says)


LISTS = [
    _of_list("list-approved", "A list is approved by hand.",
             "state = 'approved', reviewed_by = 'a.ander', reviewed_at = now(), approved_by ="
             " 'b.ander', approved_at = now() where state = 'drawn'",
             f"{NOT_ITS_STEPS}state, reviewed_by, approved_by"),
    _of_list("list-person", "Another is said to have approved a list.",
             "approved_by = 'a.ander' where state = 'destroyed'", f"{NOT_ITS_STEPS}approved_by"),
    _of_list("list-time", "A list is said to be approved earlier, so that it need not wait.",
             "approved_at = approved_at - interval '30 days' where state = 'approved'",
             f"{NOT_ITS_STEPS}approved_at"),
    _of_list("list-waiting", "The waiting time of a list is taken away.",
             "waiting = '0' where state = 'approved'", f"{NOT_ITS_STEPS}waiting"),
    _of_list("list-joined", "The drawer of a list is said to have been free to review it.",
             "is_joined = true where state = 'drawn'", f"{NOT_ITS_STEPS}is_joined"),
    _of_list("list-up-to", "A list is said to be of what was due earlier.",
             "up_to = up_to - 30 where state = 'destroyed'", f"{NOT_ITS_STEPS}up_to"),
    _of_list("list-withdrawn", "A list that waits is said to be withdrawn.",
             "state = 'withdrawn', withdrawn_by = 'a.ander', withdrawn_at = now()"
             " where state = 'approved'", f"{NOT_ITS_STEPS}state, withdrawn_by, withdrawn_at"),
    Tampering(id="destruction-list-removed", what="A list is removed with what is on it.",
              act=_unguarded("destruction_item", f"delete from archiver.destruction_item {DRAWN}")
              + ";" + _unguarded("destruction_list",
                                 "delete from archiver.destruction_list where state = 'drawn'"),
              says="is on the record, and its row is gone"),
    _of("destruction_list", "list-added", "A list is put there by hand.",
        "insert into archiver.destruction_list (id, tenant, kind, up_to, waiting, is_joined,"
        " drawn_by) values ('VL-2026-9999', 'almelo', 'term', current_date, '0', false, 'a.ander')",
        "nothing on the record drew the destruction list VL-2026-9999"),
    _of_item("item-added", "A conversation is put on a list that is drawn.",
             "insert into archiver.destruction_item (list, tenant, conversation, department, code)"
             " select id, tenant, ':conversation', 'burgerzaken', '6.1.3'"
             " from archiver.destruction_list where state = 'drawn'", "were drawn"),
    _of_item("item-removed", "A conversation is removed from a list.",
             f"delete from archiver.destruction_item {ONE_DRAWN}", "were drawn"),
    _of_item("item-swapped", "A conversation is put in the place of another on a list.",
             "update archiver.destruction_item set conversation = ':conversation'" + ONE_DRAWN,
             "is not what was drawn"),
    *(
        _of_item(f"item-{name}", f"{text} of a conversation on a list is changed.",
                 f"update archiver.destruction_item set {name} = {value} {ONE_DRAWN}",
                 "is not what was drawn")
        for name, text, value in (
            ("kept_until", "The last day of keeping", "kept_until - 900"),
            ("code", "The result", "'15.1'"),
            ("department", "The department", "'belastingen'"),
        )
    ),
    _of_item("item-gone", "A conversation on a list is said to be destroyed.",
             f"update archiver.destruction_item set state = 'destroyed' {ONE_DRAWN}",
             "is said to be destroyed, and the list is drawn"),
    _of_item("item-gone-too", "One that was taken off a list is said to be destroyed with it.",
             "update archiver.destruction_item set state = 'destroyed'"
             f" {ON.format('destroyed')} and state = 'taken_out'",
             "is said to be destroyed, and no destruction is on the record"),
    _of_item("item-left", "One that was destroyed is said to be held.",
             "update archiver.destruction_item set state = 'held'"
             f" {ON.format('destroyed')} and state = 'destroyed'",
             "and its row says something else"),
    _of_item("item-held", "One on a list that is only drawn is said to be held.",
             f"update archiver.destruction_item set state = 'held' {ONE_DRAWN}",
             "is said to be held, and the list is drawn"),
    _of_item("item-open", "One that was held is said to have been open.",
             "update archiver.destruction_item set state = 'open'"
             f" {ON.format('destroyed')} and state = 'held'", "is not what was declared"),
    _of_item("item-spared", "A conversation is taken off a list by hand.",
             f"update archiver.destruction_item set state = 'taken_out' {ONE_DRAWN}",
             "are spared, and steps spared 0"),
    _of_item("item-reason", "A conversation is said to be spared for another reason.",
             "update archiver.destruction_item set reason = 'other' where state = 'taken_out'",
             "was taken out, and its row says something else"),
    _of_item("item-until", "What was put off is put off for less long.",
             "update archiver.destruction_item set until = until - 80 where state = 'put_off'",
             "was put off, and its row says something else"),
    _of_item("item-again", "What was taken off a list is on it again.",
             "update archiver.destruction_item i set state = 'listed' where i.state = 'taken_out'",
             "was taken out, and its row says something else"),
]  # fmt: skip
DECLARATIONS = [
    _of("declaration", "declared", "A declaration is changed.",
        "update archiver.declaration set document = replace(document, 'k.yilmaz', 'a.ander')",
        "is not the text of its entry"),
    _of("declaration", "undeclared", "A declaration is removed.",
        "delete from archiver.declaration", "is on the record, and its row is gone"),
    _of("declaration", "declared-by-hand", "A declaration is put there by hand.",
        "insert into archiver.declaration select id, gen_random_uuid(), now(), '{}'"
        " from archiver.destruction_list where state = 'drawn'",
        "nothing on the record is the declaration of"),
    _of("declaration", "declaration-swapped", "A declaration names the entry of another.",
        "update archiver.declaration d set entry = (select max(entry::text)::uuid"
        " from archiver.declaration)", "is on the record, and its row is gone"),
    _of("declaration", "declared-earlier", "A declaration is said to be made earlier.",
        "update archiver.declaration set made_at = made_at - interval '30 days'",
        "is not of the list or the time of its entry"),
    _of("destruction_order", "order-done", "An order that was not carried out is said to be.",
        "update archiver.destruction_order set state = 'done' where state = 'void'",
        "of the order of destruction 3 its record is missing"),
    _of("destruction_order", "order-removed", "An order of destruction is removed.",
        "delete from archiver.destruction_order where number = 1",
        "the row of the order of destruction 1 is gone"),
    _of("destruction_order", "order-last", "The last orders of destruction are removed.",
        "delete from archiver.destruction_order where number > 2", "which has no row"),
    _of("destruction_order", "order-void", "An order is said not to be carried out.",
        "update archiver.destruction_order set state = 'void' where number = 1", "which is void"),
    _of("destruction_order", "order-hash", "The hash of an order is changed.",
        "update archiver.destruction_order set digest = sha256('x') where number = 1",
        "is not that of the order"),
    _of("destruction_order", "order-other", "An order is put in the place of another.",
        "update archiver.destruction_order o set sealed = (select sealed"
        " from archiver.destruction_order where number = 2) where number = 1",
        "the order of destruction 1 does not open"),
]  # fmt: skip
STANDING = "where lifted_at is null and kind = '{}'"
HOLDS = [
    _of_hold("hold-removed", "A hold is removed.",
             f"delete from archiver.hold {STANDING.format('conversation')}"
             " and id not in (select hold from archiver.disclosure)",
             "is on the record, and its row is gone"),
    _of_hold("hold-lifted", "A hold is lifted by hand.",
             "update archiver.hold set lifted_by = 'a.ander', lifted_at = now(), hashes = '{}',"
             " words = '{}', salt = null, sealed = null where kind = 'person'",
             f"{NOT_ITS_STEPS}lifted_by, lifted_at"),
    _of_hold("hold-stands", "A hold that was lifted stands again.",
             "update archiver.hold set lifted_by = null, lifted_at = null"
             " where lifted_at is not null", f"{NOT_ITS_STEPS}lifted_by, lifted_at"),
    _of_hold("hold-moved", "A hold is put on another conversation.",
             "update archiver.hold set conversation = ':conversation' "
             + STANDING.format("conversation"), f"{NOT_ITS_STEPS}conversation"),
    _of_hold("hold-narrowed", "A selection that is held is narrowed to a department.",
             "update archiver.hold set departments = '{belastingen}' "
             + STANDING.format("selection"), f"{NOT_ITS_STEPS}departments"),
    _of_hold("hold-review", "The day on which a hold is reviewed is put off.",
             "update archiver.hold set review_on = review_on + 300 "
             + STANDING.format("person"), f"{NOT_ITS_STEPS}review_on"),
    _of_hold("hold-ground", "A hold gets another ground.",
             "update archiver.hold set ground = 'audit' " + STANDING.format("person"),
             f"{NOT_ITS_STEPS}ground"),
    _of_hold("hold-person", "A hold is put on another person.",
             "update archiver.hold set hashes = array[sha256('x')] " + STANDING.format("person"),
             "covers something else than it is about"),
    _of_hold("hold-words", "A hold is put on other words.",
             "update archiver.hold set words = '{1}' " + STANDING.format("selection"),
             "covers something else than it is about"),
    _of_hold("hold-words-before", "A hold is put on other words beside its own.",
             "update archiver.hold set words_before = '{1}' " + STANDING.format("selection"),
             "covers something else than it is about"),
    _of_hold("hold-sealed", "What a hold is about is taken from another hold.",
             "update archiver.hold h set (salt, sealed) = (select salt, sealed from archiver.hold"
             f" {STANDING.format('selection')}) {STANDING.format('person')}",
             "is about is gone, or was altered"),
    _of_hold("hold-added", "A hold is put there by hand.",
             "insert into archiver.hold (id, tenant, ground, kind, conversation, review_on,"
             " placed_by) values ('BW-2026-9999', 'almelo', 'woo', 'conversation',"
             " ':conversation', current_date, 'a.ander')",
             "nothing on the record placed the hold BW-2026-9999"),
]  # fmt: skip


def _of_dossier(id: str, what: str, act: str, says: str) -> Tampering:
    return Tampering(id=f"destruction-{id}", what=what, act=act, says=says)


NOT_THE_LOG = "is not what the log says: "
DOSSIERS = [
    _of_dossier("dossier-due", "The term of a conversation is made to end earlier.",
                "update archiver.dossier set kept_until = current_date - 9"
                f" {VALUED.format('destroy')}", f"{NOT_THE_LOG}kept_until"),
    _of_dossier("dossier-permanent", "What is kept for ever is made due.",
                "update archiver.dossier set state = 'destroy', valued_code = '6.1.3',"
                f" kept_until = current_date - 9 {VALUED.format('permanent')}",
                f"{NOT_THE_LOG}state, valued_code, kept_until"),
    _of_dossier("dossier-result", "A conversation is said to be given another result.",
                "update archiver.dossier set code = '15.1', source = 'person'"
                f" {VALUED.format('destroy')}", f"{NOT_THE_LOG}code, source"),
    _of_dossier("dossier-closed", "An open conversation is said to be closed.",
                f"update archiver.dossier set closed_at = opened_at {VALUED.format('open')}",
                f"{NOT_THE_LOG}closed_at"),
    _of_dossier("dossier-other-terms", "An open conversation is made due, by terms of nobody.",
                "update archiver.dossier set state = 'destroy', kept_until = current_date - 9,"
                f" terms = 'x' {VALUED.format('open')}", f"{NOT_THE_LOG}state"),
    _of_dossier("dossier-removed", "The dossier of a conversation is removed.",
                f"delete from archiver.dossier {VALUED.format('permanent')}",
                "the dossier of"),
    _of_dossier("dossier-added", "A conversation that nobody closed is made due.",
                "insert into archiver.dossier select (jsonb_populate_record(d,"
                " '{\"conversation\": \":conversation\"}')).* from archiver.dossier d limit 1",
                "nothing on the record makes the dossier of"),
    _of_dossier("dossier-read", "The log is said to be read beyond its end for the terms.",
                "update archiver.dossier_progress set position = 1e15",
                "the log is said to be read for the dossiers beyond its end"),
    Tampering(id="destruction-dossier-terms", found_by="",
              what="The term of a closed conversation is made to end earlier, by terms of nobody.",
              act="update archiver.dossier set terms = 'x', kept_until = current_date - 9"
              f" {VALUED.format('destroy')}",
              why_not="Terms are settings, and those of before are not on the record. `archive"
              " verify` counts such valuations, and the archiver takes each back within seconds."),
]  # fmt: skip
OF_DESTRUCTION = [*LISTS, *DECLARATIONS, *HOLDS, *DOSSIERS, *OF_PROCEDURE]
