"""Tamperings with time stamps, and with what they show."""

from datetime import timedelta

from services.files.object_store import timestamp_key
from tests.support.archiver.time_stamp_authority import TimeStampAuthority
from tests.support.tamperings.laboratory import Laboratory
from tests.support.tamperings.of_signing_key import dated_back
from tests.support.tamperings.prepared_archive import stamp
from tests.support.tamperings.tampering import Tampering, Who

CHANGE = "update archiver.time_stamp set"
IN_TABLE = "the time stamp of :size entries in the table: "


async def stamp_by_own_authority(laboratory: Laboratory) -> None:
    authority = TimeStampAuthority(laboratory.folder.parent / "own")
    note = await laboratory.pool.fetchval(laboratory.archive.fill(NOTE))
    answer = authority.stamp_note(note.encode())
    await laboratory.pool.execute(f"{CHANGE} answer = $1", answer)


NOTE = "select note from archiver.checkpoint where size = :size"


async def stamp_what_was_dated_back(laboratory: Laboratory) -> None:
    """Sign as if it were the day before yesterday; the authority stamps it by its own clock."""
    await dated_back(outside=True, age=timedelta(days=2))(laboratory)
    size = await laboratory.pool.fetchval("select max(size) from archiver.checkpoint")
    await stamp(laboratory.pool, laboratory.folder, laboratory.name("authority"), size)


async def remove_copy(laboratory: Laboratory) -> None:
    laboratory.path(timestamp_key(laboratory.name("size"))).unlink()


OF_STAMPS = [
    Tampering(
        id="stamp-moved", what="A time stamp is put on another checkpoint.",
        act=f"{CHANGE} size = :signed",
        says="the time stamp of :signed entries in the table: it is of another note",
    ),
    Tampering(
        id="stamp-changed", what="A bit of a time stamp is changed.", at="size", says=IN_TABLE,
        act=f"{CHANGE} answer = set_byte(answer, 200, get_byte(answer, 200) # 1)",
    ),
    Tampering(
        id="stamp-empty", what="A time stamp is emptied.", at="size", says=IN_TABLE,
        act=f"{CHANGE} answer = ''",
    ),
    Tampering(
        id="stamp-time", what="The row of a time stamp gets another time, which may not exist.",
        act=f"{CHANGE} at = 'infinity'", at="size", says=IN_TABLE + "its row says 9999-12-31",
    ),
    Tampering(
        id="stamp-own", what="A checkpoint is stamped by an authority of one's own.", at="size",
        act=stamp_by_own_authority, says=IN_TABLE + "its certificates do not lead to the authority",
    ),
    Tampering(
        id="stamp-outside", who=Who.STORE, what="The copy of a time stamp is removed.", at="size",
        act=remove_copy, says="the time stamp of :size entries is not kept outside",
    ),
    Tampering(
        id="stamp-dated-back", who=Who.ALL_BUT_WITNESS, act=stamp_what_was_dated_back,
        what="A checkpoint is dated back two days, and stamped.",
        says="is more than a day after that of the note",
    ),
]  # fmt: skip
