"""Tamperings with the copies of checkpoints, with the signing key, and with everything but the
witness."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from services import clock
from services.files.object_store import checkpoint_key
from services.transparency import signed_note
from services.transparency.merkle import Tree
from services.transparency.signed_note import Checkpoint
from tests.support.archiver.tampering import rebuild_tree
from tests.support.tamperings.laboratory import SIGNER, Laboratory
from tests.support.tamperings.of_log import MOVED, SHUT, removed, roll_back
from tests.support.tamperings.tampering import WITNESS, Deed, Tampering, Who

NO_SIGNATURE = "entries kept outside: no signature on it is of this key"


def _copy(change: Callable[[Path, Path], object]) -> Deed:
    """Change the copy of the newest checkpoint; the second path is that of the first checkpoint."""

    async def deed(laboratory: Laboratory) -> None:
        names = (laboratory.name("size"), laboratory.name("signed"))
        newest, first = (laboratory.path(checkpoint_key(size)) for size in names)
        change(newest, first)

    return deed


def _sign(tree: Tree, *, seed: bytes = SIGNER.seed, age: timedelta = timedelta()) -> str:
    checkpoint = Checkpoint(SIGNER.origin, tree.size, tree.root(), clock.now() - age)
    return signed_note.sign_note(checkpoint, seed)


def _forge(newest: Path, _: Path) -> None:
    tree = Tree()
    tree.append(bytes(32))
    newest.write_text(_sign(tree, seed=bytes(32)))


def _add_size(newest: Path, _: Path) -> None:
    newest.with_name(f"{77:020}").write_text("x")


def _of_copy(id: str, what: str, change: Callable[[Path, Path], object], says: str) -> Tampering:
    return Tampering(
        id=f"copy-{id}", who=Who.STORE, what=what, act=_copy(change), says=says, at="size"
    )


OF_COPIES = [
    _of_copy("removed", "The copy of a checkpoint is removed.", lambda newest, _: newest.unlink(),
             "entries is not kept outside"),
    _of_copy("changed", "The size in a copy is changed.",
             lambda newest, _: newest.write_text(newest.read_text().replace("\n", "\n1", 1)),
             NO_SIGNATURE),
    _of_copy("truncated", "A copy is cut off.",
             lambda newest, _: newest.write_text(newest.read_text()[:-20]),
             "entries kept outside:"),
    _of_copy("emptied", "A copy is emptied.", lambda newest, _: newest.write_text(""),
             "entries kept outside: it is no checkpoint"),
    _of_copy("forged", "A copy is signed with another key.", _forge, NO_SIGNATURE),
    _of_copy("unreadable", "A copy is overwritten with bytes that are no text.",
             lambda newest, _: newest.write_bytes(b"\xff\xfe" * 40),
             "entries kept outside: it is no checkpoint"),
    _of_copy("swapped", "A copy gets the text of an earlier one.",
             lambda newest, first: newest.write_text(first.read_text()),
             "entries kept outside is one of"),
    Tampering(
        id="copy-added", who=Who.STORE, what="A copy of no checkpoint is added.",
        act=_copy(_add_size), says="the checkpoint of 77 entries is kept outside and gone",
    ),
]  # fmt: skip


async def _all_leaves(laboratory: Laboratory) -> Tree:
    tree = Tree()
    for row in await laboratory.pool.fetch(LEAVES):
        tree.append(row["leaf"])
    return tree


async def _sign_sizes(laboratory: Laboratory, *, outside: bool) -> None:
    """Sign every checkpoint again over what is there now, at most of all entries."""
    rows = await laboratory.pool.fetch(LEAVES)
    for size in [row["size"] for row in await laboratory.pool.fetch(SIZES)]:
        tree = Tree()
        for row in rows[:size]:
            tree.append(row["leaf"])
        note = _sign(tree)
        at = signed_note.read_note(note).at
        await laboratory.pool.execute(SET_NOTE, size, tree.size, note, at)
        if outside:
            laboratory.path(checkpoint_key(size)).unlink()
            (laboratory.folder / checkpoint_key(tree.size)).write_text(note)


LEAVES = "select leaf from archiver.entry order by position"
SIZES = "select size from archiver.checkpoint order by size"
SET_NOTE = "update archiver.checkpoint set size = $2, note = $3, at = $4 where size = $1"


def rewritten(sql: str, *, outside: bool) -> Deed:
    async def deed(laboratory: Laboratory) -> None:
        await laboratory.execute(sql)
        await rebuild_tree(laboratory.pool)
        await _sign_sizes(laboratory, outside=outside)
        if outside:
            await forget_cosignatures(laboratory)

    return deed


def dated_back(*, outside: bool, age: timedelta = timedelta(days=365)) -> Deed:
    """Sign the log of now as if it had been so a year ago."""

    async def deed(laboratory: Laboratory) -> None:
        await laboratory.log.grow(1)
        tree = await _all_leaves(laboratory)
        note = _sign(tree, age=age)
        at = signed_note.read_note(note).at
        await laboratory.pool.execute(ADD_NOTE, tree.size, at, note)
        if outside:
            (laboratory.folder / checkpoint_key(tree.size)).write_text(note)

    return deed


ADD_NOTE = "insert into archiver.checkpoint (size, at, note) values ($1, $2, $3)"


async def forget_cosignatures(laboratory: Laboratory) -> None:
    await laboratory.execute("delete from archiver.cosignature")
    shutil.rmtree(laboratory.folder / "cosignature")


async def roll_back_all(laboratory: Laboratory) -> None:
    """Bring back everything that the first checkpoint did not have yet."""
    await roll_back(laboratory)
    await forget_cosignatures(laboratory)
    laboratory.path(checkpoint_key(laboratory.name("size"))).unlink()
    for name in ("object", "other_object"):
        laboratory.path(laboratory.name(name)).unlink()
    for table in ("media", "request", "quarantine", "subject", "searchable", "processing"):
        await laboratory.execute(f"delete from archiver.{table} {LATER.get(table, '')}")


NO_ENTRY = "where not exists (select from archiver.entry e where e.id = {})"
LATER = {
    "subject": NO_ENTRY.format("subject.entry"),
    "searchable": NO_ENTRY.format("searchable.id"),
    "processing": "p where not exists (select from archiver.entry e"
    " where substring(uuid_send(e.id) from 9) = p.span_id)",
}
"""Tables of which rows of before remain -> which go."""


NOT_SIGNED = "is not what was signed (kept outside"
ALL = f"{MOVED.partition(' where')[0]}"


REMOVED = removed("position = :place")
REPLACED = (
    "update archiver.entry set salt = o.salt, sealed = o.sealed from archiver.entry o"
    " where archiver.entry.position = :place and o.position = :place + 1"
)


async def remove_before_cosignature(laboratory: Laboratory) -> None:
    await laboratory.log.grow(3)
    await laboratory.execute(removed("position = :size + 2"))
    await rebuild_tree(laboratory.pool)
    await laboratory.log.sign()


def grown(deed: Deed) -> Deed:
    async def more(laboratory: Laboratory) -> None:
        await deed(laboratory)
        await laboratory.log.grow(3)
        await laboratory.log.sign()

    return more


async def forge_copies(laboratory: Laboratory) -> None:
    for path in (laboratory.folder / "cosignature").iterdir():
        laboratory.path(str(path.relative_to(laboratory.folder)))
        path.write_text(path.read_text().partition("\n\n")[0] + "\n\n")


OF_SIGNING_KEY = [
    Tampering(
        id="key-tail", who=Who.SIGNING_KEY, what="An entry is changed, and what follows is signed"
        " again.", act=rewritten(MOVED, outside=False), says=NOT_SIGNED, at="signed",
    ),
    Tampering(
        id="key-whole", who=Who.SIGNING_KEY, what="The whole log is written and signed again.",
        act=rewritten(ALL, outside=False), says="is not what was signed (kept outside",
    ),
    Tampering(
        id="key-dated-back", who=Who.SIGNING_KEY, what="A checkpoint of now is dated back a year.",
        act=dated_back(outside=False), says="entries is not kept outside",
    ),
    Tampering(
        id="key-removed", who=Who.SIGNING_KEY, what="An entry is removed, and what follows is"
        " signed again.", act=rewritten(REMOVED, outside=False),
        says="entries were signed (kept outside",
    ),
    Tampering(
        id="all-minute", who=Who.ALL_BUT_WITNESS, found_by="",
        what="Before the witness co-signs it, an entry is removed, and no trace is left outside.",
        act=remove_before_cosignature,
        why_not="A witness is asked once a minute. Until then nobody else knows of the entry; who"
        " sent it has Meta's answer.",
    ),
    Tampering(
        id="all-fork", who=Who.ALL_BUT_WITNESS, found_by=WITNESS,
        what="An entry is replaced by another, and what follows is signed again, outside too.",
        act=rewritten(REPLACED, outside=True), says="co-signed another log of :size entries",
    ),
    Tampering(
        id="all-grown", who=Who.ALL_BUT_WITNESS, found_by=WITNESS,
        what="The same, and entries are added until the log is as long as it was and longer.",
        act=grown(rewritten(REMOVED, outside=True)), says="co-signed another log of :size entries",
    ),
    Tampering(
        id="cosignature-removed", what="A co-signature is removed.", found_by=WITNESS,
        act="delete from archiver.cosignature", says="is gone from its table",
    ),
    Tampering(
        id="cosignature-changed", what="A co-signature is changed.", found_by=WITNESS,
        act="update archiver.cosignature set line = replace(line, 'A', 'B')",
        says="the co-signature on :size entries in the table",
    ),
    Tampering(
        id="cosignature-moved", what="A co-signature is put on another checkpoint.",
        act="update archiver.cosignature set size = :signed + 1 where size = :signed",
        found_by=WITNESS, says="in the table: the checkpoint is gone",
    ),
    Tampering(
        id="cosignature-outside", who=Who.STORE, what="Copies of co-signatures are forged.",
        act=forge_copies, found_by=WITNESS, says="and kept outside: this witness did not co-sign",
    ),
    Tampering(
        id="all-changed", who=Who.ALL_BUT_WITNESS,
        what="An entry is changed, and what follows is signed again, outside too. Its content is"
        " bound to what was changed.", act=rewritten(MOVED, outside=True), says=SHUT,
    ),
    Tampering(
        id="all-removed", who=Who.ALL_BUT_WITNESS, found_by=WITNESS,
        says="this log has",
        what="An entry is removed, and what follows is signed again, outside too.",
        act=rewritten(REMOVED, outside=True),
    ),
    Tampering(
        id="all-whole", who=Who.ALL_BUT_WITNESS, found_by=WITNESS,
        says="this log has",
        what="A conversation is removed, and the whole log is written and signed again, outside"
        " too.",
        act=rewritten(removed("conversation = ':conversation'"), outside=True),
    ),
    Tampering(
        id="all-rolled-back", who=Who.ALL_BUT_WITNESS, found_by=WITNESS,
        says="this log has",
        what="Database and store are brought back to the first checkpoint. No key is needed.",
        act=roll_back_all,
    ),
    Tampering(
        id="all-dated-back", who=Who.ALL_BUT_WITNESS,
        says="its time of writing was altered",
        what="A checkpoint of now is dated back a year, outside too.",
        act=dated_back(outside=True),
    ),
]  # fmt: skip
