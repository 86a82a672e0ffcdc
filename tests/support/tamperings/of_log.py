"""Tamperings with entries, hashes and checkpoints, with all rights on the database."""

from archiver.encryption.sealing import nonce
from archiver.log.entry import PlainColumns, entry_leaf_hash
from archiver.log.outside_head import HeadKeeper
from services import clock
from services.transparency import signed_note
from services.transparency.merkle import Tree, leaf_hash
from services.transparency.signed_note import Checkpoint
from tests.support.archiver.signed_log import entry, entry_like
from tests.support.archiver.tampering import (
    COPY_OF_ENTRY,
    OTHER_COLUMNS,
    insert_entry,
    load_head,
    rebuild_tree,
    store_tree,
)
from tests.support.tamperings.laboratory import HEAD_KEY, SIGNER, Laboratory
from tests.support.tamperings.prepared_archive import ERASED
from tests.support.tamperings.tampering import CHECKPOINT, QUARTER, Deed, Tampering

CHANGE, DELETE, ONE = (
    "update archiver.entry set",
    "delete from archiver.entry",
    "where position = :place",
)
ALTERED = "this entry is not what it was"
SALT = "the salt of this entry is not the one of then"
NOT_SIGNED = "is not what was signed"
SHUT = "this entry does not open with the key of its conversation"
COLUMN_NAMES = {
    "kind": "Its kind",
    "at": "Its time",
    "tenant": "Its municipality",
    "conversation": "Its conversation",
    "department": "Its department",
    "message": "The message that it is about",
    "receipt": "The receipt that it came with",
    "item": "Its place in the receipt",
    "sequence": "Its place in the conversation",
    "id": "Its id",
}


def rewritten(sql: str, *, nodes: bool = True, head: bool = True, notes: bool = True) -> Deed:
    """Change entries, and make leaves, and more of the database, fit."""

    async def deed(laboratory: Laboratory) -> None:
        await laboratory.execute(sql)
        await rebuild_tree(laboratory.pool, nodes=nodes, head=head)
        if notes:
            await laboratory.execute("delete from archiver.checkpoint")

    return deed


async def swap_contents(laboratory: Laboratory) -> None:
    place = laboratory.name("place")
    sql = "select id, salt, sealed from archiver.entry where position in ($1, $2)"
    rows = await laboratory.pool.fetch(sql, place, place + 1)
    change = f"{CHANGE} salt = $1, sealed = $2 where id = $3"
    for row, other in zip(rows, reversed(rows), strict=True):
        await laboratory.pool.execute(change, row["salt"], row["sealed"], other["id"])


async def forge_checkpoint(laboratory: Laboratory) -> None:
    tree = await load_head(laboratory.pool)
    checkpoint = Checkpoint(SIGNER.origin, tree.size, tree.root(), clock.now())
    change = "update archiver.checkpoint set note = $1 where size = $2"
    note = signed_note.sign_note(checkpoint, bytes(32))
    await laboratory.pool.execute(change, note, tree.size)


async def roll_back(laboratory: Laboratory) -> None:
    """Bring the log back to its first checkpoint."""
    await laboratory.execute(f"{DELETE} where position >= :signed")
    await laboratory.execute("delete from archiver.checkpoint where size > :signed")
    tree = Tree()
    for row in await laboratory.pool.fetch("select leaf from archiver.entry order by position"):
        tree.append(row["leaf"])
    await store_tree(laboratory.pool, tree)


def _of_columns() -> list[Tampering]:
    changes = [
        Tampering(
            id=f"entry-{name}", what=f"{text} is changed.", says=ALTERED, at="place",
            act=f"{CHANGE} {name} = {OTHER_COLUMNS[name]} {ONE}",
        )
        for name, text in COLUMN_NAMES.items()
    ]  # fmt: skip
    flip = "set_byte(sealed, 40, get_byte(sealed, 40) # 1)"
    return [
        *changes,
        Tampering(
            id="entry-content", what="A bit of its encrypted content is changed.", at="place",
            act=f"{CHANGE} sealed = {flip} {ONE}", says=ALTERED,
        ),
        Tampering(
            id="entry-leaf", what="Its leaf is changed.", at="place",
            act=f"{CHANGE} leaf = sha256(leaf) {ONE}", says=ALTERED,
        ),
        Tampering(
            id="entry-salt", what="Its salt is changed.", says=SALT, at="place",
            act=f"{CHANGE} salt = sha256(salt) {ONE}",
        ),
        Tampering(
            id="entry-salt-gone", what="Its salt is removed, so that it never opens.", at="place",
            act=f"{CHANGE} salt = null {ONE}", says="and no destruction is on the record",
        ),
        Tampering(
            id="entry-contents-swapped", what="Two entries get each other's content.", at="place",
            act=swap_contents, says=ALTERED,
        ),
    ]  # fmt: skip


OF_ENTRIES = _of_columns()
MOVED = f"{CHANGE} department = 'afval' {ONE}"
PLACES = f"{CHANGE} position = 2 * :place + 1 - position where position in (:place, :place + 1)"
OF_PLACES = [
    Tampering(
        id="entry-removed", what="An entry is removed.", act=f"{DELETE} {ONE}",
        says="missing before this one: 1", at="place",
    ),
    Tampering(
        id="entry-last-removed", what="The last entry is removed.",
        act=f"{DELETE} where position = :last", says="entries were signed", at="last",
    ),
    Tampering(
        id="entry-places-swapped", what="Two entries change places.", act=PLACES,
        says="one was changed together with its leaf",
    ),
    Tampering(
        id="entry-between", what="A copy of an entry is put between.", at="place",
        act=COPY_OF_ENTRY.format(":place") + ONE, says="two entries have this place",
    ),
    Tampering(
        id="entry-appended", what="A copy of an entry is put at the end.", at="size",
        act=COPY_OF_ENTRY.format(":size") + ONE, says=ALTERED,
    ),
    Tampering(
        id="entry-before-all", what="A copy of an entry is put before the first.",
        act=COPY_OF_ENTRY.format("-1") + ONE, says="this entry has no place in the log",
    ),
    Tampering(
        id="entry-leaf-fits", what="An entry is moved to another department, with its leaf.",
        act=rewritten(MOVED, nodes=False, head=False, notes=False),
        says="one was changed together with its leaf",
    ),
    Tampering(
        id="entry-tree-fits", what="The same, with every hash above it.", at="signed",
        act=rewritten(MOVED, notes=False), says=NOT_SIGNED,
    ),
    Tampering(
        id="entry-database-fits", what="The same, and all checkpoints are removed.", at="signed",
        act=rewritten(MOVED), says=NOT_SIGNED,
    ),
    Tampering(
        id="entry-removed-fits", what="An entry is removed and all that follows is made to fit.",
        act=rewritten(f"{DELETE} {ONE}"), says="entries were signed", at="last",
    ),
    Tampering(
        id="log-rolled-back", what="The database is brought back to its first checkpoint.",
        act=roll_back, says="entries were signed (kept outside", at="signed",
    ),
]  # fmt: skip

HEAD, NOTE = "update archiver.head set", "update archiver.checkpoint set note ="
OF_HASHES = [
    Tampering(
        id="node-changed", what="A stored hash is changed.", says="or the hash over them was",
        act="update archiver.node set hash = sha256(hash)",
    ),
    Tampering(
        id="node-removed", what="A stored hash is removed.", act="delete from archiver.node",
        says="the hash over the entries 0 to 255 is gone",
    ),
    Tampering(
        id="node-of-nothing", what="A hash of entries that do not exist is added.",
        act="insert into archiver.node values (8, 9, '')",
        says="of the hashes that are kept there should be 1",
    ),
    Tampering(
        id="head-changed", what="The newest hash of the log is changed.",
        act=f"{HEAD} peaks = set_byte(peaks, 0, get_byte(peaks, 0) # 1)",
        says="the log's own hash is not that of its entries",
    ),
    Tampering(
        id="head-longer", what="The length of the log is doubled.", act=f"{HEAD} size = size * 2",
        says="entries, and the log counts", at="size",
    ),
    Tampering(
        id="head-longer", what="The length of the log is doubled.", act=f"{HEAD} size = size * 2",
        says="entries, and the log counts", at="size",
    ),
    Tampering(
        id="head-broken", what="The length of the log is changed to one that its hash is not of.",
        act=f"{HEAD} size = size * 2 + 1",
        says="the row that says how far the log has come is gone or broken",
    ),
    Tampering(
        id="head-removed", what="The row with the length of the log is removed.",
        act="delete from archiver.head",
        says="the row that says how far the log has come is gone or broken",
    ),
    Tampering(
        id="checkpoint-changed", what="The size in a checkpoint is changed.",
        act=f"{NOTE} replace(note, E'\\n:size\\n', E'\\n77\\n') where size = :size",
        says="entries in the table: no signature on it is of this key", at="size",
    ),
    Tampering(
        id="checkpoint-forged", what="A checkpoint is signed with another key.", at="size",
        act=forge_checkpoint, says="entries in the table: no signature on it is of this key",
    ),
    Tampering(
        id="checkpoint-removed", what="A checkpoint is removed.", at="size",
        act="delete from archiver.checkpoint where size = :size",
        says="entries is kept outside and gone from its table",
    ),
    Tampering(
        id="checkpoint-of-another-size", what="A checkpoint gets the text of another.", at="size",
        act=f"{NOTE} (select note from archiver.checkpoint where size = :signed)"
        " where size = :size", says="entries in the table is one of",
    ),
    Tampering(
        id="checkpoint-time", what="The time of a checkpoint is changed.", at="size",
        act="update archiver.checkpoint set at = '2026-01-01' where size = :size",
        says="entries was not signed when its row says",
    ),
    Tampering(
        id="checkpoint-added", what="A checkpoint without a signature is added.",
        act="insert into archiver.checkpoint values (77, now(), 'x')",
        says="the checkpoint of 77 entries in the table: it is no checkpoint",
    ),
    Tampering(
        id="checkpoint-impossible", what="A checkpoint of an impossible size is added.",
        act="insert into archiver.checkpoint values (-1, now(), 'x')",
        says="the checkpoint of -1 entries in the table: it is no checkpoint",
    ),
]  # fmt: skip


async def grow_and_wait(laboratory: Laboratory) -> None:
    await laboratory.log.grow(3)
    hour = f"{CHANGE} written_at = now() - interval '1 hour' where position >= :size"
    await laboratory.execute(hour)


async def grow_and_forge(laboratory: Laboratory) -> None:
    await laboratory.log.grow(3)
    await laboratory.execute(f"{CHANGE} written_at = 'infinity' where position >= :size")


def bent_before_signing(sql: str) -> Deed:
    """Change what is not signed yet, with every hash; no archiver runs that remembers, and the next
    one signs it."""

    async def deed(laboratory: Laboratory) -> None:
        await laboratory.log.grow(3)
        await rewritten(sql, notes=False)(laboratory)
        await laboratory.log.sign()

    return deed


def bent_while_running(sql: str) -> Deed:
    """The same, while an archiver runs: the log that it remembers is signed too."""

    async def deed(laboratory: Laboratory) -> None:
        await laboratory.log.grow(3)
        await rewritten(sql, notes=False)(laboratory)
        await laboratory.log.sign(laboratory.log.writer.known)

    return deed


async def remove_after_kill(laboratory: Laboratory) -> None:
    """Remove the last entry with what is about it, when no archiver remembers it; the head that it
    kept outside is left."""
    log = laboratory.log
    await log.grow(3)
    keeper = HeadKeeper(laboratory.pool, log.writer.known, log.outside, HEAD_KEY)
    await keeper.keep()
    await laboratory.execute(removed("position = :size + 2"))
    await rebuild_tree(laboratory.pool)
    await log.sign()


def removed(where: str) -> str:
    """Return the statements that remove entries with what else is about them."""
    entries = f"from archiver.entry e where {where}"
    return (
        f"delete from archiver.processing where span_id in"
        f" (select substring(uuid_send(e.id) from 9) {entries});"
        f"delete from archiver.searchable where id in (select e.id {entries});"
        f"delete {entries}"
    )


BEFORE = {
    "kind": "kind", "at": "time", "message": "message", "receipt": "receipt",
    "item": "place in the receipt", "conversation": "conversation", "department": "department",
    "sequence": "place in the conversation", "id": "id",
}  # fmt: skip
LATEST = "where position = :size + 1"
FORKED = "PostkamerArchiveForked"
OF_THE_MINUTE = [
    Tampering(
        id="unsigned", what="The archiver is kept from signing.", act=grow_and_wait,
        after=QUARTER, says="nobody signed what came from", at="size",
    ),
    Tampering(
        id="unsigned-forged", act=grow_and_forge, says="nobody signed what came from", at="size",
        what="The same, and what came is said to be written in a time to come.",
    ),
    *(
        Tampering(
            id=f"minute-{name}", after=CHECKPOINT, says=SHUT,
            what=f"Before it is signed, the {text} of an entry is changed with its leaf and all"
            " hashes, while no archiver runs.",
            act=bent_before_signing(f"{CHANGE} {name} = {OTHER_COLUMNS[name]} {LATEST}"),
        )
        for name, text in BEFORE.items()
    ),
    Tampering(
        id="minute-changed-alarm", what="The same, while an archiver runs.", found_by=FORKED,
        act=bent_while_running(f"{CHANGE} department = 'afval' {LATEST}"), after=CHECKPOINT,
    ),
    Tampering(
        id="minute-removed-alarm", after=CHECKPOINT, found_by=FORKED,
        what="Before it is signed, an entry is removed while an archiver runs.",
        act=bent_while_running(f"{DELETE} {LATEST}"),
    ),
    Tampering(
        id="minute-removed", after=CHECKPOINT, says="entries were signed",
        what="The same: the check names it from then on.",
        act=bent_while_running(f"{DELETE} {LATEST}"),
    ),
    Tampering(
        id="minute-removed-dead", after=CHECKPOINT, act=remove_after_kill,
        what="Before it is signed, an entry is removed after the archiver was killed.",
        says="were written (a head kept outside",
    ),
]  # fmt: skip

KEYS = "archiver.conversation_key"
OF_MUNICIPALITY = (
    "set local session_replication_role = replica;"
    "delete from archiver.municipality_key where tenant = 'almelo' and purpose = '{}';"
    "set local session_replication_role = origin"
)


async def restore_key(laboratory: Laboratory) -> None:
    """Erase a conversation, and put its key back from an older copy."""
    sql = f"select * from {KEYS} where conversation = ':conversation'"
    key = await laboratory.pool.fetchrow(laboratory.archive.fill(sql))
    await laboratory.log.eraser.erase_conversation("almelo", laboratory.name("conversation"), "x")
    await laboratory.log.sign()
    assert key
    await laboratory.pool.execute(
        f"insert into {KEYS} values ($1, $2, $3, $4, $5, $6)", *key.values()
    )


async def restore_salt(laboratory: Laboratory) -> None:
    salt = await laboratory.pool.fetchval(laboratory.archive.fill(SELECT_SALT))
    id = await laboratory.pool.fetchval(
        laboratory.archive.fill(f"select id from archiver.entry {ONE}")
    )
    await laboratory.log.eraser.erase_entry(id, "x")
    await laboratory.log.sign()
    await laboratory.pool.execute(laboratory.archive.fill(f"{CHANGE} salt = $1 {ONE}"), salt)


SELECT_SALT = f"select salt from archiver.entry {ONE}"


async def forge_destruction(laboratory: Laboratory) -> None:
    """Remove keys, and write by hand that this was an erasure."""
    columns = {
        "id": clock.new_id(), "kind": "destruction", "at": clock.now(), "tenant": "almelo",
        "conversation": "", "department": "", "sequence": 0, "salt": bytes(16),
        "sealed": bytes(60),
    }  # fmt: skip
    await insert_entry(laboratory.pool, columns, leaf_hash(b"forged"))
    await laboratory.log.sign()
    await laboratory.execute(f"delete from {KEYS} where tenant = 'almelo'")


async def move_destruction(laboratory: Laboratory) -> None:
    """Let an erasure be one of another conversation before it is signed."""
    await laboratory.log.erase(5)
    other = f"{CHANGE} conversation = $1 where kind = 'destruction' and conversation <> $2"
    await laboratory.pool.execute(other, laboratory.name("conversation"), ERASED)
    await rebuild_tree(laboratory.pool)
    await laboratory.log.sign()


async def seal_without_key(laboratory: Laboratory) -> None:
    """Add an entry of one's own with a leaf that fits, which the archiver then signs."""
    columns = PlainColumns(
        id=clock.new_id(), kind="message", at=clock.now(), tenant="almelo",
        conversation=laboratory.name("conversation"), department="balie", message=clock.new_id(),
        receipt=None, item=None, sequence=99,
    )  # fmt: skip
    sealed = nonce(bytes(16)) + bytes(80)
    row = {name: getattr(columns, name) for name in PlainColumns.__struct_fields__}
    row |= {"salt": bytes(16), "sealed": sealed}
    await insert_entry(laboratory.pool, row, entry_leaf_hash(columns, sealed))
    await laboratory.log.sign()


async def make_key_anew(laboratory: Laboratory) -> None:
    """Remove a key, so that the archiver makes another with the next message."""
    await laboratory.execute(f"delete from {KEYS} where conversation = ':conversation'")
    other = entry(9000, conversation=laboratory.name("conversation"))
    await laboratory.log.writer.add([entry_like(other)])
    await laboratory.log.sign()


OF_KEYS = [
    Tampering(
        id="key-removed", what="The key of a conversation is removed.",
        act=f"delete from {KEYS} where conversation = ':conversation'",
        says="is gone, and no destruction is on the record",
    ),
    Tampering(
        id="key-changed", what="A bit of the key of a conversation is changed.",
        act=f"update {KEYS} set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)"
        " where conversation = ':conversation'",
        says="the key of conversation :conversation is not the one of then",
    ),
    Tampering(
        id="keys-replaced", what="All conversations get the key of one.",
        act=f"update {KEYS} a set wrapped = b.wrapped from {KEYS} b"
        " where b.conversation = ':conversation' and b.tenant = a.tenant",
        says="is not the one of then",
    ),
    Tampering(
        id="key-of-municipality", what="The key of a municipality is removed.",
        act=OF_MUNICIPALITY.format("content"), says="the content key of municipality almelo",
    ),
    Tampering(
        id="key-of-index", what="The key of a municipality's search index is removed.",
        act=OF_MUNICIPALITY.format("hash"), says="the hash key of municipality almelo",
    ),
    Tampering(
        id="key-made-anew", what="A key is removed, and the archiver makes another.",
        act=make_key_anew, says=SHUT,
    ),
    Tampering(
        id="key-restored", what="The key of an erased conversation is put back.",
        act=restore_key, says="this entry was destroyed, and can be opened again",
    ),
    Tampering(
        id="order-forgotten", what="The database forgets its last erasure: the order's row goes.",
        act="alter table archiver.destruction_order disable trigger keep_order;"
        " delete from archiver.destruction_order where number ="
        " (select max(number) from archiver.destruction_order);"
        " alter table archiver.destruction_order enable trigger keep_order",
        says="the database lacks it",
    ),
    Tampering(
        id="order-undone", what="The key of an erased conversation is put back: its order says so.",
        act=restore_key, says="was carried out, and 1 of what it destroyed can be opened",
    ),
    Tampering(
        id="salt-restored", what="The salt of an erased entry is put back.", at="place",
        act=restore_salt, says="this entry was destroyed, and can be opened again",
    ),
    Tampering(
        id="destruction-forged", what="Keys are removed, with an erasure written by hand.",
        act=forge_destruction, says="this destruction was not sealed here",
    ),
    Tampering(
        id="destruction-moved", act=move_destruction, after=CHECKPOINT,
        what="Before it is signed, an erasure is made one of another conversation.",
        says="this destruction was not sealed here",
    ),
    Tampering(
        id="entry-by-hand", what="An entry of one's own is added, with all hashes.",
        act=seal_without_key, says=SHUT,
    ),
]  # fmt: skip


def _before_christ(id: str, what: str, change: str, says: str) -> Tampering:
    """A time that Python does not have. What comes after it is verified nonetheless."""
    act = "update " + change.format("'0044-03-15 BC'")
    return Tampering(
        id=f"odd-{id}-before-christ",
        act=act,
        says=says,
        what=f"{what.capitalize()} is before Christ.",
    )


OF_NONSENSE = [
    Tampering(
        id="odd-content-empty", what="Its content is emptied.", says=ALTERED, at="place",
        act=f"{CHANGE} sealed = '' {ONE}",
    ),
    Tampering(
        id="odd-salt-empty", what="Its salt is emptied.", says=SALT, at="place",
        act=f"{CHANGE} salt = '' {ONE}",
    ),
    Tampering(
        id="odd-leaf-empty", what="Its leaf is emptied.", says=ALTERED, at="place",
        act=f"{CHANGE} leaf = '' {ONE}",
    ),
    Tampering(
        id="odd-time", what="Its time is infinite.", says=ALTERED, at="place",
        act=f"{CHANGE} at = 'infinity' {ONE}",
    ),
    Tampering(
        id="odd-written", what="The time at which it was written is infinite.",
        says="its time of writing was altered",
        act=f"{CHANGE} written_at = '-infinity' {ONE}",
    ),
    Tampering(
        id="odd-checkpoint-time", what="The time of a checkpoint is infinite.", at="size",
        act="update archiver.checkpoint set at = '-infinity' where size = :size",
        says="entries was not signed when its row says",
    ),
    _before_christ("entry", "its time", "archiver.entry set at = {} where position = :place",
                   ALTERED),
    _before_christ("written", "the time at which it was written",
                   "archiver.entry set written_at = {} where position = :place",
                   "its time of writing was altered"),
    _before_christ("checkpoint", "the time of a checkpoint",
                   "archiver.checkpoint set at = {} where size = :size",
                   "entries was not signed when its row says"),
    _before_christ("sent", "the time of a file",
                   "archiver.media set sent_at = {} where id = ':file'",
                   "its table does not say of it what its message said"),
    _before_christ("ended", "the time of a file's result",
                   "archiver.media set ended_at = {} where id = ':file'",
                   "its table and the record do not agree: at"),
    _before_christ("processing", "the time of an action in the processing log",
                   "archiver.processing set end_time = {} where span_id ="
                   " (select substring(uuid_send(id) from 9) from archiver.entry"
                   " where position = :place)",
                   "the row of this action in the processing log is not what it was"),
    Tampering(
        id="odd-request-due", what="A request is due in the year 20000.",
        act="update archiver.request set due_on = '20000-01-01'",
        says="is not what its steps say: due_on",
    ),
    _before_christ("received", "the day of a request",
                   "archiver.request set received_on = {}", "is not what its steps say"),
    Tampering(
        id="odd-checkpoint-empty", what="A checkpoint is emptied.", at="size",
        act=f"{NOTE} '' where size = :size", says="entries in the table: it is no checkpoint",
    ),
    Tampering(
        id="odd-checkpoint-huge", what="A checkpoint gets a size of a thousand digits.", at="size",
        act=f"{NOTE} replace(note, E'\\n:size\\n', E'\\n' || repeat('9', 5000) || E'\\n')"
        " where size = :size", says="entries in the table: it is no checkpoint",
    ),
    Tampering(
        id="odd-key-empty", what="The key of a conversation is emptied.",
        act=f"update {KEYS} set wrapped = '' where conversation = ':conversation'",
        says="the key of conversation :conversation is not the one of then",
    ),
    Tampering(
        id="odd-key-of-municipality", what="The key of a municipality is emptied.",
        act="update archiver.municipality_key set wrapped = '' where tenant = 'hengelo'",
        says="key of municipality hengelo is not the one of then",
    ),
    Tampering(
        id="odd-master", what="The key of a municipality is said to be under another master key.",
        act="update archiver.municipality_key set master = 'x' where tenant = 'hengelo'",
        says="whose keys lie under x", code=3,
    ),
    Tampering(
        id="odd-head-negative", what="The length of the log is negative.",
        act=f"{HEAD} size = -1, peaks = substr(peaks, 1, 32)",
        says="entries, and the log counts -1",
    ),
    Tampering(
        id="odd-position-huge", what="An entry gets the last place that there can be.",
        act=f"{CHANGE} position = 9223372036854775807 {ONE}", says="missing before this one",
    ),
    Tampering(
        id="odd-media-name", what="A file gets a name that no object can have.",
        act="update archiver.media set ciphertext_sha256 = '../../etc' where id = ':file'",
        says="the record says that this file came", found_by="archive verify --media",
    ),
    Tampering(
        id="odd-media-time", what="The time of a file is infinite.",
        act="update archiver.media set sent_at = 'infinity' where id = ':file'",
        says="its table does not say of it what its message said",
    ),
    Tampering(
        id="odd-media-ended", what="The time of a file's result is infinite.",
        act="update archiver.media set ended_at = '-infinity' where id = ':file'",
        says="its table and the record do not agree: at",
    ),
    Tampering(
        id="odd-media-number", what="A file is said to have an announcement that is none.",
        act="update archiver.media set announced = '[]' where id = ':file'",
        says="its table does not say of it what its message said",
    ),
    Tampering(
        id="odd-media-digest", what="The hash of a file is emptied.",
        act="update archiver.media set digest = '', file_salt = '' where id = ':file'",
        says="it does not open",
    ),
    Tampering(
        id="odd-node-dropped", what="The table of hashes is removed.",
        act="drop table archiver.node", says="archiver.node is gone",
    ),
    Tampering(
        id="odd-entry-dropped", what="The table of entries is removed.",
        act="drop table archiver.entry cascade", says="archiver.entry is gone",
    ),
    Tampering(
        id="odd-media-dropped", what="The table of files is removed.",
        act="drop table archiver.media", says="archiver.media is gone",
    ),
    Tampering(
        id="odd-subject-dropped", what="The table of people is removed.",
        found_by="archive verify --index", act="drop table archiver.subject",
        says="archiver.subject is gone",
    ),
    Tampering(
        id="odd-column-dropped", what="A column of the entries is removed.",
        act="alter table archiver.entry drop column salt",
        says="archiver.entry is not as the migrations made it",
    ),
    Tampering(
        id="odd-column-type", what="A column of the entries gets another type.",
        act="alter table archiver.entry alter column sequence type text",
        says="archiver.entry is not as the migrations made it",
    ),
    Tampering(
        id="odd-column-json", what="The places of entries are turned into JSON.",
        act="alter table archiver.entry alter column position type jsonb using to_jsonb(position)",
        says="archiver.entry is not as the migrations made it",
    ),
    Tampering(
        id="odd-installation", what="The table that says what installation this is is removed.",
        act="drop table access.installation", says="access.installation is gone",
    ),
    Tampering(
        id="odd-schema-renamed", what="The schema of the record gets another name.",
        act="alter schema archiver rename to archief", says="archiver.checkpoint is gone",
    ),
    Tampering(
        id="odd-role-schema", what="The archiver may no longer use its schema.",
        act="revoke usage on schema archiver from postkamer_archiver",
        says="schema archiver is not as the migrations made it",
    ),
]  # fmt: skip
