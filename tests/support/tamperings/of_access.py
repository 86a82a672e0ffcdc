"""Tamperings with who may do what, with what operators did, and with tables beside the log."""

from contextlib import suppress

import msgspec

from archiver.log.conflicts import ForgedEntry
from cli.support.output import CommandRefused
from cli.support.recorded import WrittenEntry, are_recorded
from services.contract import Record
from tests.support.archiver.records import message, record
from tests.support.tamperings.laboratory import Laboratory, look_at_tokens
from tests.support.tamperings.tampering import CHECKPOINT, Deed, Tampering

REFUSED, UNPROVEN = "PostkamerTokenRefused", "PostkamerOperationUnproven"
FORKED = "PostkamerArchiveForked"
ADD = "token add nieuw --tenant almelo --role read --department burgerzaken"
BY_HAND = """
insert into access.token (name, hash, tenant, roles, departments, people, per_second, burst, mac)
values ('hand', sha256('pk_by_hand'), 'almelo', '{read,send}', '{}', false, 10, 10, """


async def revive_token(laboratory: Laboratory) -> None:
    """The record says that it is revoked; its row does not."""
    data = {"what": "token revoke", "about": "balie", "by": "postkamer", "identified": "stated"}
    await laboratory.log.writer.add([record("operation", data, conversation="")])


async def hide_revocation(laboratory: Laboratory) -> None:
    """The archiver reads the revocation before somebody hides it."""
    await revive_token(laboratory)
    await look_at_tokens(laboratory)
    await laboratory.execute(
        "update archiver.entry set kind = 'note'"
        " where position = (select size - 1 from archiver.head)"
    )


DEED = {"what": "files open", "about": "balie", "by": "a.ander", "identified": "proven"}


def kept_out(made: Record) -> Deed:
    """Return the deed that puts a row in the place of an entry before it is written."""

    async def act(laboratory: Laboratory) -> None:
        await laboratory.pool.execute(FORGE, made.id, made.kind)
        with suppress(ForgedEntry):
            await laboratory.log.writer.add([made])

    return act


async def alter_operation(laboratory: Laboratory) -> None:
    """The archiver takes another deed than the command wrote, which then looks."""
    altered = record("operation", DEED | {"what": "check"}, conversation="")
    await laboratory.log.writer.add([altered])
    data = msgspec.json.encode({}).decode()
    entry = WrittenEntry(id=altered.id, tenant=altered.tenant, data=data, **DEED)
    with suppress(CommandRefused):
        await are_recorded(laboratory.pool, [entry], laboratory.keys)


FORGE = """
insert into archiver.entry (id, position, kind, at, tenant, conversation, department, sequence,
    sealed, leaf)
values ($1, -1, $2, now(), '', '', '', 0, '', sha256(''))
"""
SWALLOW = (
    "create function public.swallow() returns trigger language plpgsql as"
    " $$ begin return null; end $$;"
    "create trigger t before insert on access.operation for each row"
    " execute function public.swallow()"
)
OPERATION = """
insert into access.operation (id, at, tenant, by, session, identified, what, about)
values (archiver.first_id(now()), now() - interval '3 months', 'almelo', 'A. Ander', 'a.ander',
    '{}', 'token revoke', 'balie')"""
NO_STAMP, STAMP = (
    "alter table access.operation disable trigger stamp;",
    ";alter table access.operation enable trigger stamp",
)
SWALLOWED = "the entry for the record does not stand as it was written"


def _of_token(id: str, what: str, act: str) -> Tampering:
    return Tampering(id=f"token-{id}", what=what, act=act, found_by=REFUSED, after=CHECKPOINT)


OF_ACCESS = [
    _of_token("by-hand", "A token of one's own is added.", BY_HAND + "null)"),
    _of_token("by-hand-mac", "A token of one's own is added, with a keyed hash that is made up.",
              BY_HAND + "sha256('x'))"),
    _of_token("with-another-mac", "A token of one's own is added, with the hash of another.",
              BY_HAND + "(select mac from access.token limit 1))"),
    _of_token("widened", "A token gets a role.",
              "update access.token set roles = roles || '{send}'"),
    _of_token("departments", "A token gets all departments.",
              "update access.token set departments = '{}', all_departments = true"),
    _of_token("tenant", "A token is moved to another municipality.",
              "update access.token set tenant = 'hengelo'"),
    _of_token("longer", "A token that ends gets no end.",
              "update access.token set expires_at = null"),
    _of_token("replaced", "A token gets the secret of another.",
              "update access.token set hash = sha256('pk_by_hand')"),
    _of_token("renamed", "A token gets another name.", "update access.token set name = 'ander'"),
    Tampering(
        id="token-revived", found_by=REFUSED, after=CHECKPOINT, act=revive_token,
        what="A revoked token is put back as it was.",
    ),
    Tampering(
        id="token-revocation-hidden", found_by=REFUSED, after=CHECKPOINT, act=hide_revocation,
        what="It is put back, and the entry of its revocation is given another kind. After a"
        " restart `PostkamerArchiveForked` goes off too.",
    ),
    Tampering(
        id="operation-swallowed", found_by=ADD, act=SWALLOW, says=SWALLOWED,
        what="A trigger lets the record of a command not arrive: the command does nothing.",
    ),
    Tampering(
        id="operation-rule", found_by=ADD, says=SWALLOWED,
        what="A rule lets the record of a command not arrive.",
        act="create rule r as on insert to access.operation do instead nothing",
    ),
    Tampering(
        id="operation-stated", found_by=UNPROVEN, after=CHECKPOINT,
        what="An action of somebody else is added by hand. The record has the time at which it"
        " came and the login that wrote it.", act=OPERATION.format("stated"),
    ),
    Tampering(
        id="operation-proven", found_by=UNPROVEN, after=CHECKPOINT,
        what="It is said to be proven.", act=OPERATION.format("proven"),
    ),
    Tampering(
        id="operation-kept-out", found_by=FORKED, after=CHECKPOINT,
        act=kept_out(record("operation", DEED, conversation="")),
        what="A row is put in the place of what a command did, so that it seems to be on the"
        " record. What it did waits on, and in production the command shows nothing.",
    ),
    Tampering(
        id="message-kept-out", found_by=FORKED, after=CHECKPOINT, act=kept_out(message()),
        what="A row is put in the place of a message before it is written, to keep it off the"
        " record. The message goes to quarantine.",
    ),
    Tampering(
        id="operation-altered", found_by=UNPROVEN, after=CHECKPOINT, act=alter_operation,
        what="What a command did is changed before the archiver looks. In production the command"
        " opens its entry, shows nothing and says so.",
    ),
    Tampering(
        id="operation-by-login", found_by="", act=NO_STAMP
        + OPERATION.format("proven").replace("'A. Ander'", "'a.ander'") + STAMP,
        what="An action is added by hand as if another's login had written it, and the trigger"
        " that says who wrote it is put back.",
        why_not="PostgreSQL itself says who is connected, and its superuser is above that. The"
        " record has the time at which the row came, so it cannot be dated back.",
    ),
    Tampering(
        id="operation-removed", found_by="",
        what="Outside production, what a command did is removed before the archiver looks.",
        act=OPERATION.format("stated") + ";delete from access.operation",
        why_not="A command waits for the archive in production alone, so that a laptop needs no"
        " archiver.",
    ),
]  # fmt: skip

ALTERED_ROW = "the row of this action in the processing log is not what it was"
OF_PLACE = (
    "span_id = (select substring(uuid_send(id) from 9) from archiver.entry where position = :place)"
)
REQUEST = "the request AVG-2026-0001 is not what its steps say"


def _beside(id: str, what: str, act: str, says: str) -> Tampering:
    return Tampering(id=f"beside-{id}", what=what, act=act, says=says)


OF_OTHERS = [
    _beside("processing-added", "A row is added to the processing log.",
            "create temporary table other on commit drop as select * from archiver.processing"
            " limit 1; update other set span_id = substring(sha256('x') for 8);"
            "insert into archiver.processing select * from other",
            "has a row of no action on the record"),
    _beside("processing-twice", "A row of the processing log is put there twice.",
            "insert into archiver.processing select * from archiver.processing limit 1",
            "the processing log has 2 rows of one action"),
    _beside("processing-removed", "A row of the processing log is removed.",
            f"delete from archiver.processing where {OF_PLACE}",
            "the processing log has no row of this action"),
    *(
        _beside(f"processing-{name}", f"{text} of an action in the processing log is changed.",
                f"update archiver.processing set {name} = {value} where {OF_PLACE}", ALTERED_ROW)
        for name, text, value in (
            ("activity", "The register", "'iets anders'"),
            ("subject", "The citizen", "sha256(subject)"),
            ("status", "The result", "'Error'"),
            ("name", "The name", "'bericht verstuurd'"),
            ("resource", "The program", "'x'"),
        )
    ),
    _beside("request-decided", "A request of a citizen is said to be decided.",
            "update archiver.request set decision = 'granted', decided_at = now()",
            f"{REQUEST}: decision, decided_at"),
    _beside("request-due", "A request of a citizen gets more time.",
            "update archiver.request set due_on = due_on + 60", f"{REQUEST}: due_on"),
    _beside("request-received", "A request is said to have come later.",
            "update archiver.request set received_on = received_on + 1", f"{REQUEST}: received_on"),
    _beside("request-removed", "A request of a citizen is removed.",
            "delete from archiver.request", "is on the record, and its row is gone"),
    _beside("quarantine-removed", "A record in quarantine is removed.",
            "delete from archiver.quarantine", "is gone, and nobody archived it"),
    _beside("quarantine-changed", "A record in quarantine is changed.",
            "update archiver.quarantine set sealed = sealed || 'x'::bytea", "is not what it was"),
    _beside("quarantine-added", "A record is put into quarantine by hand.",
            "insert into archiver.quarantine (id, reason, salt, sealed) select gen_random_uuid(),"
            " reason, salt, sealed from archiver.quarantine", "and the record knows nothing of it"),
    _beside("loss-accepted", "A loss is accepted by hand in the tables of the balance.",
            "insert into balance.accepted (equation, id, subject)"
            " values ('record', gen_random_uuid(), '1')",
            "losses accepted in the balance by no command: 1"),
    _beside("loss-accepted-as", "It is accepted in the name of a command that did something else.",
            "insert into balance.accepted (equation, id, subject, operation) select 'record',"
            " gen_random_uuid(), '1', id from archiver.entry where kind = 'operation' limit 1",
            "are not those that it accepted"),
    _beside("balance-cleared", "All decisions are said to be cleared, which blinds the balance.",
            "update router.cleared set first_at = now() + interval '100 years'",
            "router.cleared has a time to which no decision can be cleared"),
    _beside("balance-begins", "The balance is made to begin at what is yet to come.",
            "update balance.past set first_position = 1e15",
            "balance.past begins beyond what the balance has taken"),
    _beside("balance-trigger", "A trigger drops what the balance finds.",
            "create function pg_temp.no() returns trigger language plpgsql"
            " as $$ begin return null; end $$; create trigger t before insert on balance.open"
            " for each row execute function pg_temp.no()",
            "balance.open is not as the migrations made it"),
    _beside("balance-view", "A view shows no losses that were accepted.",
            "alter table balance.accepted rename to kept;"
            " create view balance.accepted as select * from balance.kept where false",
            "balance.accepted is not as the migrations made it"),
    _beside("unit-overwritten", "What the router set aside is overwritten.",
            "insert into router.quarantine (id, reason, raw) values (gen_random_uuid(), 'x', 'x')",
            "does not open"),
    _beside("unit-published", "It is emptied, and said to have been decided again.",
            "insert into router.quarantine (id, reason, raw, published_at)"
            " values (gen_random_uuid(), 'x', '', now())", "and nobody asked for it"),
    _beside("written", "The time at which an entry was written is changed.",
            "update archiver.entry set written_at = written_at - interval '90 days'"
            " where position = :place", "its time of writing was altered"),
    Tampering(id="beside-id-twice",
            what="An entry is added with the id of another, and the unique key is removed.",
            act="alter table archiver.entry drop constraint entry_pkey;"
            "insert into archiver.entry (id, position, kind, at, tenant, conversation, department,"
            " message, receipt, item, sequence, salt, sealed, leaf) select id, :size, kind, at,"
            " tenant, conversation, department, message, receipt, item, sequence, salt, sealed,"
            " leaf from archiver.entry where position = :place",
            says="two entries have this id"),
]  # fmt: skip
