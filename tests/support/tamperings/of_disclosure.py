"""Tamperings with disclosures: what was decided, what is left out, and who approved it."""

from tests.support.archiver.disclosure_history import DRAWER, approve, disclose
from tests.support.tamperings.laboratory import Laboratory
from tests.support.tamperings.of_destruction import NOT_ITS_STEPS, UNGUARDED
from tests.support.tamperings.tampering import Deed, Tampering

DRAWN, APPROVED = "where state = 'drawn'", "where state = 'approved'"
OF_DRAWN = f"where disclosure = (select id from archiver.disclosure {DRAWN})"
OF_APPROVED = f"where disclosure = (select id from archiver.disclosure {APPROVED})"
NOT_ITS_DOCUMENT = "is not what its steps say"


def _of(id: str, what: str, act: str | Deed, says: str) -> Tampering:
    return Tampering(id=f"disclosure-{id}", what=what, act=act, says=says)


def _of_row(id: str, what: str, change: str, says: str) -> Tampering:
    act = UNGUARDED.format("disclosure", f"update archiver.disclosure set {change}")
    return _of(id, what, act, f"{NOT_ITS_STEPS}{says}")


def _of_document(id: str, what: str, act: str) -> Tampering:
    return _of(id, what, UNGUARDED.format("disclosure_document", act), NOT_ITS_DOCUMENT)


def _changed(id: str, what: str, change: str) -> Tampering:
    return _of_document(id, what, f"update archiver.disclosure_document set {change}")


async def approve_alone(laboratory: Laboratory) -> None:
    """Let the drawer of a disclosure approve it, without the rules of the database."""
    for rule in ("drawer", "reviewer"):
        await laboratory.execute(
            f"alter table archiver.disclosure drop constraint disclosure_{rule}_does_not_approve"
        )
    async with laboratory.pool.acquire() as connection:
        found = await disclose(connection, laboratory.keys, "wacht")
        await approve(connection, laboratory.keys, found, DRAWER.upper())


OF_DISCLOSURE = [
    _of_row("approved", "A disclosure is approved by hand.",
            "state = 'approved', reviewed_by = 'a.ander', reviewed_at = now(), approved_by ="
            f" 'b.ander', approved_at = now() {DRAWN}", "state, reviewed_by"),
    _of_row("returned", "One that was approved can be changed again.",
            "state = 'drawn', reviewed_by = null, reviewed_at = null, approved_by = null,"
            f" approved_at = null {APPROVED}", "state, reviewed_by"),
    _of_row("approver", "Another is said to have approved a disclosure.",
            f"approved_by = 'a.ander' {APPROVED}", "approved_by"),
    _of_row("named", "An employee is said to be one who may be named.",
            f"named = '{{s.jansen}}' {APPROVED}", "named"),
    _of_row("kind", "A disclosure to the public is said to be one to the citizen alone.",
            f"kind = 'access' {DRAWN}", "kind"),
    _of("removed", "A disclosure is removed with its documents.",
        UNGUARDED.format("disclosure_document",
                         f"delete from archiver.disclosure_document {OF_DRAWN}") + ";"
        + UNGUARDED.format("disclosure", f"delete from archiver.disclosure {DRAWN}"),
        "is on the record, and its row is gone"),
    _of("added", "A disclosure is put there by hand.",
        UNGUARDED.format("disclosure",
                         "insert into archiver.disclosure (id, tenant, kind, hold, drawn_by,"
                         " drawn_at) select 'WOO-2026-9999', tenant, 'woo', id, 'a.ander', now()"
                         " from archiver.hold where lifted_at is not null limit 1"),
        "nothing on the record drew the disclosure WOO-2026-9999"),
    _changed("decision", "A document is said to be public whole.",
             f"decision = 'open', grounds = '{{}}' {OF_APPROVED}"),
    _changed("grounds", "A document is said to be refused on another ground.",
             f"grounds = '{{5.1.2i}}' {OF_APPROVED}"),
    _changed("decider", "Another is said to have decided about a document.",
             f"decided_by = 'a.ander', handled_by = '{{a.ander}}' {OF_DRAWN}"),
    _changed("handled", "Somebody is said to have no part in a document, so that they can approve"
             " it.", f"handled_by = '{{}}' {OF_DRAWN}"),
    _changed("unredacted", "What was left out of a document is shown again.",
             f"salt = null, sealed = null {OF_APPROVED}"),
    _changed("redacted", "What is left out of a document is taken from another.",
             "sealed = (select sealed from archiver.disclosure_document "
             f"{OF_DRAWN}) {OF_APPROVED}"),
    _changed("extent", "A document goes on to what nobody looked at.",
             f"up_to = up_to + 1 {OF_APPROVED}"),
    _changed("conversation", "A document is said to be another conversation.",
             f"conversation = ':conversation' {OF_DRAWN}"),
    _of_document("document-added", "A document is added by hand.",
                 "insert into archiver.disclosure_document (disclosure, number, tenant,"
                 " conversation, up_to) select id, 2, tenant, ':conversation', 1"
                 f" from archiver.disclosure {DRAWN}"),
    _of_document("document-removed", "A document is removed.",
                 f"delete from archiver.disclosure_document {OF_DRAWN}"),
    _of("alone", "Who drew a disclosure approves it, under another spelling of the name.",
        approve_alone, "was drawn and approved by one person"),
]  # fmt: skip
