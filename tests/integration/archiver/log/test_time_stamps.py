"""Checkpoints are stamped by a real authority, and what is wrong with a stamp is named."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from archiver.audit import time_stamps
from archiver.audit.log_walk import Finding
from archiver.audit.time_stamps import StampAudit, StampTotals
from archiver.log.accepted_loss import AcceptedLoss
from archiver.timestamps import authority as client
from archiver.timestamps import stamper
from archiver.timestamps.authority import Authority, AuthorityUnavailable
from archiver.timestamps.stamp import InvalidStamp, load_authorities, verify_stamp
from archiver.timestamps.stamper import is_due, stamp_newest
from services import clock, metrics
from services.files.object_store import checkpoint_key, timestamp_key
from services.tasks import background_task
from services.transparency import signed_note
from tests.support.archiver.accepted_losses import accepted_loss
from tests.support.archiver.commands import Archive
from tests.support.archiver.signed_log import ENTRIES, FIRST_SIGNED, Log
from tests.support.archiver.tampering import load_head, rewrite
from tests.support.archiver.time_stamp_authority import (
    BELOW,
    BELOW_WHOLE,
    AuthorityServer,
    TimeStampAuthority,
)

CHANGED = "update archiver.entry set department = 'afval'"
STAMP = f"the time stamp of {ENTRIES} entries"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimeStampAuthority:
    return TimeStampAuthority(tmp_path_factory.mktemp("authority") / "ours")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> TimeStampAuthority:
    return TimeStampAuthority(tmp_path_factory.mktemp("authority") / "another")


@pytest.fixture(scope="session")
def intermediate(authority: TimeStampAuthority) -> bytes:
    return authority.add_intermediate()


@pytest.fixture
async def http(authority: TimeStampAuthority) -> AsyncIterator[AuthorityServer]:
    async with AuthorityServer(authority).run() as http:
        yield http


class Stamps:
    """The time stamps of one log."""

    def __init__(self, log: Log, authority: TimeStampAuthority, http: AuthorityServer) -> None:
        self.log, self.authority = log, authority
        self._trusted = load_authorities(authority.roots.read_bytes())
        self.client = Authority(http.url, self._trusted)

    async def add(self) -> bool:
        return await stamp_newest(self.log.pool, self.log.signer, self.log.outside, self.client)

    async def audit(self, *accepted: AcceptedLoss) -> tuple[list[Finding], StampTotals]:
        async with self.log.pool.acquire() as connection:
            audit = StampAudit(connection, self._trusted, self.log.outside, accepted)
            return [each async for each in audit.verify()], audit.totals

    async def sentences(self, *accepted: AcceptedLoss) -> list[str]:
        return [finding.sentence for finding in (await self.audit(*accepted))[0]]

    async def outside(self, key: str) -> bytes:
        return b"".join([piece async for piece in await self.log.outside.read(key)])

    async def put(self, size: int) -> None:
        """Have the checkpoint of this size stamped, due or not."""
        answer, at = await self.client.stamp(await self.outside(checkpoint_key(size)))
        add = "insert into archiver.time_stamp (size, at, answer) values ($1, $2, $3)"
        await self.log.pool.execute(add, size, at, answer)
        await self.log.outside.create(timestamp_key(size), answer)

    async def replace(self, answer: bytes) -> None:
        """Replace the newest stamp in both places."""
        change = "update archiver.time_stamp set answer = $1 where size = $2"
        await self.log.pool.execute(change, answer, ENTRIES)
        await self.log.outside.delete(timestamp_key(ENTRIES))
        await self.log.outside.create(timestamp_key(ENTRIES), answer)


@pytest.fixture
async def stamps(log: Log, authority: TimeStampAuthority, http: AuthorityServer) -> Stamps:
    return Stamps(log, authority, http)


async def test_newest_checkpoint_is_stamped_once_in_both_places_and_a_stranger_verifies_it(
    stamps: Stamps, http: AuthorityServer
) -> None:
    assert await stamps.add()
    assert not await stamps.add()
    rows = await stamps.log.pool.fetch("select size, at, answer from archiver.time_stamp")
    assert [row["size"] for row in rows] == [ENTRIES]
    assert abs(rows[0]["at"] - clock.now()) < timedelta(minutes=1)
    note = await stamps.outside(checkpoint_key(ENTRIES))
    kept = await stamps.outside(timestamp_key(ENTRIES))
    assert kept == rows[0]["answer"]
    assert stamps.authority.verify(note, kept) == "Verification: OK\n"
    findings, totals = await stamps.audit()
    assert (findings, totals.count, totals.first) == ([], 1, rows[0]["at"])
    assert http.asked == 1


async def test_next_checkpoint_waits_an_hour(stamps: Stamps, http: AuthorityServer) -> None:
    await stamps.add()
    await stamps.log.grow(1)
    await stamps.log.sign()
    is_new_day = clock.now().date() != (await stamps.audit())[1].first.date()  # type: ignore[union-attr]
    assert await stamps.add() == is_new_day
    earlier = "update archiver.time_stamp set at = at - interval '1 hour' where size = $1"
    await stamps.log.pool.execute(earlier, ENTRIES)
    assert await stamps.add() != is_new_day
    assert http.asked == 2
    assert await stamps.sentences() == [f"{STAMP} is of another time than its row says"]


@pytest.mark.parametrize("at", ["20000-01-01", "infinity", "2099-01-01", "0044-03-15 BC"])
async def test_stamp_of_a_time_that_cannot_be_counts_as_none(
    stamps: Stamps, http: AuthorityServer, at: str
) -> None:
    forge = "insert into archiver.time_stamp values (1, $1::text::timestamptz, '')"
    await stamps.log.pool.execute(forge, at)
    assert await stamps.add()
    await stamps.log.grow(1)
    await stamps.log.sign()
    [stamped] = await stamps.log.pool.fetch("select at from archiver.time_stamp where size > 1")
    assert await stamps.add() == (clock.now().date() != stamped["at"].date())


def test_stamp_is_due_after_an_hour_and_on_a_new_day() -> None:
    last = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    assert is_due(None, last, last)
    assert not is_due(last, last, last + timedelta(minutes=29))
    assert is_due(last, last, last + timedelta(minutes=30))
    morning = datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert not is_due(morning, morning, morning + timedelta(minutes=59))
    assert is_due(morning, morning, morning + timedelta(hours=1))


def test_checkpoint_of_a_day_ago_is_stamped_no_more() -> None:
    signed = datetime(2026, 11, 30, 8, tzinfo=UTC)
    for last in (None, signed):
        assert is_due(last, signed, signed + timedelta(hours=24))
        assert not is_due(last, signed, signed + timedelta(hours=24, seconds=1))


async def test_forged_checkpoint_is_not_stamped(stamps: Stamps, http: AuthorityServer) -> None:
    note = await stamps.log.pool.fetchval(
        "select note from archiver.checkpoint where size = $1", ENTRIES
    )
    forged = signed_note.sign_note(signed_note.read_note(note), bytes(32))
    change = "update archiver.checkpoint set note = $1 where size = $2"
    await stamps.log.pool.execute(change, forged, ENTRIES)
    assert not await stamps.add()
    assert http.asked == 0


async def test_empty_log_is_not_stamped(stamps: Stamps, http: AuthorityServer) -> None:
    await stamps.log.pool.execute("update archiver.checkpoint set size = 0 where size = 700")
    await stamps.log.pool.execute("delete from archiver.checkpoint where size > 0")
    assert not await stamps.add()
    assert (http.asked, await stamps.sentences()) == (0, [])


async def test_stamp_that_is_not_outside_yet_is_copied(stamps: Stamps) -> None:
    await stamps.add()
    await stamps.log.outside.delete(timestamp_key(ENTRIES))
    assert await stamps.sentences() == [f"{STAMP} is not kept outside"]
    assert not await stamps.add()
    assert await stamps.sentences() == []


async def of_another_note(stamps: Stamps) -> None:
    note = await stamps.outside(checkpoint_key(FIRST_SIGNED))
    await stamps.replace(stamps.authority.stamp_note(note))


async def unreadable(stamps: Stamps) -> None:
    await stamps.replace(b"nothing")


async def cut_off(stamps: Stamps) -> None:
    await stamps.replace((await stamps.outside(timestamp_key(ENTRIES)))[:-9])


async def older_than_its_note(stamps: Stamps) -> None:
    await sign_at(stamps, clock.now() + timedelta(days=1))


async def a_month_after_its_note(stamps: Stamps) -> None:
    await stamps.put(FIRST_SIGNED)
    await sign_at(stamps, clock.now() - timedelta(days=30))


async def sign_at(stamps: Stamps, at: datetime) -> None:
    """Sign the log as if it were another time, with a stamp of now."""
    await date_note(stamps, at)
    note = await stamps.outside(checkpoint_key(ENTRIES))
    await stamps.replace(stamps.authority.stamp_note(note))


async def date_note(stamps: Stamps, at: datetime) -> None:
    old = await stamps.log.pool.fetchval(
        "select note from archiver.checkpoint where size = $1", ENTRIES
    )
    checkpoint = signed_note.read_note(old)
    later = signed_note.Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, at)
    note = signed_note.sign_note(later, stamps.log.signer.seed)
    change = "update archiver.checkpoint set note = $1 where size = $2"
    await stamps.log.pool.execute(change, note, ENTRIES)
    await stamps.log.outside.delete(checkpoint_key(ENTRIES))
    await stamps.log.outside.create(checkpoint_key(ENTRIES), note.encode())


async def without_checkpoint(stamps: Stamps) -> None:
    await stamps.log.pool.execute("delete from archiver.checkpoint where size = $1", ENTRIES)
    await stamps.log.outside.delete(checkpoint_key(ENTRIES))


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        (of_another_note, "it is of another note"),
        (unreadable, "it cannot be read"),
        (cut_off, "it cannot be read"),
        (older_than_its_note, "is before that of the note"),
        (a_month_after_its_note, "is more than a day after that of the note"),
        (without_checkpoint, "there is no checkpoint of that size"),
    ],
)
async def test_wrong_stamp_is_named_with_its_reason(
    stamps: Stamps, deed: Callable[[Stamps], Awaitable[None]], why: str
) -> None:
    await stamps.add()
    await deed(stamps)
    [sentence] = await stamps.sentences()
    assert sentence.startswith(f"{STAMP} in the table: ")
    assert sentence.endswith(why)


async def test_row_with_a_time_that_python_lacks_is_named(stamps: Stamps) -> None:
    await stamps.add()
    await stamps.log.pool.execute("update archiver.time_stamp set at = '20000-01-01'")
    assert await stamps.sentences() == [f"{STAMP} is of another time than its row says"]


@pytest.mark.parametrize("stamps_again", [False, True])
async def test_log_that_was_rewritten_with_the_store_and_the_key_is_named_by_its_stamps(
    stamps: Stamps, *, stamps_again: bool
) -> None:
    """Somebody who has all but the authority writes the past anew, and all else is content."""
    log = stamps.log
    await stamps.add()
    times = await log.pool.fetch("select size, at from archiver.checkpoint order by size")
    await rewrite(f"{CHANGED} where position = {FIRST_SIGNED + 9}")(log)
    tree = await load_head(log.pool)
    await log.pool.execute("delete from archiver.checkpoint")
    for size in (FIRST_SIGNED, ENTRIES):
        await log.outside.delete(checkpoint_key(size))
    earlier = timedelta(days=30 * stamps_again)
    await log.pool.execute(
        "update archiver.entry set written_at = written_at - $1::interval", earlier
    )
    at = times[-1]["at"] - earlier
    checkpoint = signed_note.Checkpoint(log.signer.origin, ENTRIES, tree.root(), at)
    note = signed_note.sign_note(checkpoint, log.signer.seed)
    sign = "insert into archiver.checkpoint (size, at, note) values ($1, $2, $3)"
    await log.pool.execute(sign, ENTRIES, at, note)
    await log.outside.create(checkpoint_key(ENTRIES), note.encode())
    assert await log.findings() == []
    if not stamps_again:
        [sentence] = await stamps.sentences()
        assert sentence.endswith("it is of another note")
        return
    await stamps.log.pool.execute("delete from archiver.time_stamp")
    await stamps.log.outside.delete(timestamp_key(ENTRIES))
    await stamps.put(ENTRIES)
    findings, totals = await stamps.audit()
    assert totals.first
    assert (findings, totals.first > at + timedelta(days=29)) == ([], True), "stamped from today"


async def test_stamp_of_another_authority_is_named(
    stamps: Stamps, stranger: TimeStampAuthority
) -> None:
    await stamps.add()
    await stamps.replace(stranger.stamp_note(await stamps.outside(checkpoint_key(ENTRIES))))
    chain = "its certificates do not lead to the authority"
    assert await stamps.sentences() == [f"{STAMP} in the table: {chain}"]


@pytest.mark.parametrize(
    ("section", "trusts", "is_right"),
    [
        (BELOW_WHOLE, "root", True),
        (BELOW_WHOLE, "root and intermediate", True),
        (BELOW, "root and intermediate", True),
        (BELOW, "root", False),
        (BELOW, "stranger and intermediate", False),
        (BELOW_WHOLE, "stranger", False),
        (BELOW_WHOLE, "stranger and intermediate", False),
        (BELOW_WHOLE, "intermediate", False),
    ],
)
def test_stamp_below_an_intermediate_certificate_leads_to_the_root_alone(
    authority: TimeStampAuthority,
    stranger: TimeStampAuthority,
    intermediate: bytes,
    section: str,
    trusts: str,
    is_right: bool,
) -> None:
    known = {
        "root": authority.roots.read_bytes(),
        "stranger": stranger.roots.read_bytes(),
        "intermediate": intermediate,
    }
    trusted = load_authorities(b"".join(known[each] for each in trusts.split(" and ")))
    note = b"a note"
    stamp = authority.stamp_note(note, section)
    if is_right:
        assert abs(verify_stamp(stamp, note, trusted) - clock.now()) < timedelta(minutes=1)
    else:
        with pytest.raises(InvalidStamp, match="do not lead to the authority"):
            verify_stamp(stamp, note, trusted)


async def test_stamp_outside_is_compared(stamps: Stamps, stranger: TimeStampAuthority) -> None:
    await stamps.add()
    key = timestamp_key(ENTRIES)
    other = stranger.stamp_note(await stamps.outside(checkpoint_key(ENTRIES)))
    await stamps.log.outside.delete(key)
    await stamps.log.outside.create(key, other)
    [sentence] = await stamps.sentences()
    assert sentence.startswith(f"{STAMP} kept outside: its certificates")


async def test_stamp_gone_from_its_table_is_named_unless_it_is_new(
    stamps: Stamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stamps.add()
    await stamps.log.pool.execute("delete from archiver.time_stamp")
    assert await stamps.sentences() == []
    gone = f"{STAMP} is kept outside and gone from its table"
    with monkeypatch.context() as patch:
        patch.setattr(time_stamps, "WHILE_READ", timedelta(0))
        assert await stamps.sentences() == [gone]
        # It went with what a restore took, if it is of that time.
        now, minute = clock.now(), timedelta(minutes=1)
        assert await stamps.sentences(accepted_loss(now - minute, now + minute)) == []
        for bounds in ((now - 9 * minute, now - 5 * minute), (now + minute, now + 2 * minute)):
            assert await stamps.sentences(accepted_loss(*bounds)) == [gone]
    note = await stamps.outside(checkpoint_key(FIRST_SIGNED))
    await stamps.log.outside.delete(timestamp_key(ENTRIES))
    await stamps.log.outside.create(timestamp_key(ENTRIES), stamps.authority.stamp_note(note))
    assert await stamps.sentences() == [gone]


async def age(stamps: Stamps, size: int, hours: int) -> None:
    change = "update archiver.checkpoint set at = at - make_interval(hours => $2) where size = $1"
    await stamps.log.pool.execute(change, size, hours)


async def test_log_without_a_stamp_for_a_day_is_named_after_the_first_stamp(stamps: Stamps) -> None:
    await age(stamps, ENTRIES, 26)
    assert await stamps.sentences() == []
    await stamps.put(FIRST_SIGNED)
    [sentence] = await stamps.sentences()
    assert sentence.startswith("no time stamp is on what was signed since ")
    await stamps.put(ENTRIES)
    assert await stamps.sentences() == []


async def test_stamps_missing_of_the_past_are_named_if_the_archiver_was_up(stamps: Stamps) -> None:
    await stamps.put(FIRST_SIGNED)
    for _ in range(2):
        await stamps.log.grow(1)
        await stamps.log.sign()
    await stamps.put(ENTRIES + 2)
    await age(stamps, ENTRIES, 72)
    assert await stamps.sentences() == [], "it signed nothing for three days"
    await age(stamps, ENTRIES + 1, 49)
    [found] = (await stamps.audit())[0]
    assert (found.what, found.position) == ("timestamp", ENTRIES)
    assert found.sentence.startswith("no time stamp came until ")


async def test_first_stamp_is_on_a_checkpoint_of_any_age(stamps: Stamps) -> None:
    await date_note(stamps, clock.now() - timedelta(days=3))
    assert await stamps.add()
    assert (await stamps.audit())[0] == []


async def test_time_to_come_in_a_row_makes_one_more_stamp_and_no_other(stamps: Stamps) -> None:
    await stamps.add()
    await stamps.log.pool.execute("update archiver.time_stamp set at = '2099-01-01'")
    for is_stamped in (True, False):
        await stamps.log.grow(1)
        await stamps.log.sign()
        assert await stamps.add() == is_stamped


WRONG_ANSWERS: dict[str, tuple[Callable[[], web.Response], type[Exception], str]] = {
    "busy": (lambda: web.Response(status=503), AuthorityUnavailable, "HTTP 503"),
    "elsewhere": (
        lambda: web.Response(status=302, headers={"Location": "/"}), AuthorityUnavailable, "302"
    ),
    "nonsense": (lambda: web.Response(body=b"nonsense"), InvalidStamp, "cannot be read"),
    "refusal": (
        lambda: web.Response(body=bytes.fromhex("30053003020102")), InvalidStamp, "status 2"
    ),
    "large": (lambda: web.Response(body=bytes(70_000)), InvalidStamp, "more than 65536 bytes"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "kind", "why"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
async def test_authority_that_answers_wrongly_leaves_no_stamp(
    stamps: Stamps,
    http: AuthorityServer,
    answer: Callable[[], web.Response],
    kind: type[Exception],
    why: str,
) -> None:
    http.answer = answer()
    with pytest.raises(kind, match=why):
        await stamps.add()
    assert await stamps.log.pool.fetchval("select count(*) from archiver.time_stamp") == 0


async def test_stamp_of_before_is_not_taken_as_an_answer(
    stamps: Stamps, http: AuthorityServer
) -> None:
    note = await stamps.outside(checkpoint_key(ENTRIES))
    http.answer = web.Response(body=stamps.authority.stamp_note(note))
    with pytest.raises(InvalidStamp, match="another request"):
        await stamps.add()


async def test_authority_that_hangs_or_is_away_is_waited_for_a_bounded_time(
    stamps: Stamps, http: AuthorityServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ASK_SECONDS", 0.2)
    http.is_silent = True
    with pytest.raises(AuthorityUnavailable, match="TimeoutError"):
        await stamps.add()
    away = Authority("http://127.0.0.1:9/", load_authorities(stamps.authority.roots.read_bytes()))
    with pytest.raises(AuthorityUnavailable, match="does not answer"):
        await stamp_newest(stamps.log.pool, stamps.log.signer, stamps.log.outside, away)


def metric(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_missing_stamp_is_counted_and_its_wait_is_shown_until_there_is_one(
    stamps: Stamps, http: AuthorityServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamper, "RETRY_SECONDS", 0.01)
    asked, waits = "postkamer_timestamps_total", "postkamer_archive_unstamped_seconds"
    await stamps.log.pool.execute("update archiver.checkpoint set at = at - interval '1 hour'")
    http.answer = web.Response(status=503)
    before = metric(asked, outcome="unreached")
    work = stamper.stamp_periodically(
        stamps.log.pool, stamps.log.signer, stamps.log.outside, stamps.client
    )
    async with background_task(work):
        while metric(asked, outcome="unreached") < before + 2:
            await asyncio.sleep(0.01)
        assert 3600 <= metric(waits) < 4600
        http.answer = web.Response(body=b"nonsense")
        while metric(asked, outcome="refused") == 0:
            await asyncio.sleep(0.01)
        http.answer = None
        while metric(waits):
            await asyncio.sleep(0.01)
    assert (await stamps.audit())[1].count == 1


async def test_verify_command_verifies_stamps_with_the_certificates(
    stamps: Stamps, empty: str, tmp_path: Path
) -> None:
    await stamps.add()
    verifier = stamps.log.signer.verifier
    store = (tmp_path / "outside").as_uri()
    roots = str(stamps.authority.roots)
    verify = ("verify", "--public-key", verifier)
    archive = Archive(empty, POSTKAMER_OBJECT_STORE=store, POSTKAMER_ARCHIVE_KEY="")
    assert (await archive.json(*verify))["timeStamps"] is None
    with_roots = {"POSTKAMER_ARCHIVE_TIMESTAMP_ROOTS": roots}
    result = await archive(*verify, **with_roots)
    assert f"1 time stamp, from {clock.now():%Y-%m}" in result.output
    await unreadable(stamps)
    found = await archive.json(*verify, code=1, **with_roots)
    assert [each["what"] for each in found["stampFindings"]] == ["timestamp"]
    wrong = {"POSTKAMER_ARCHIVE_TIMESTAMP_ROOTS": str(tmp_path / "none.pem")}
    assert "cannot be read" in await archive.fails(*verify, code=3, **wrong)
