"""A loss that came with a restore is told from one that did not, and bounds what it covers."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from archiver.audit.log_walk import SignedState
from archiver.log.accepted_loss import LongerLog, accept_loss, find_longer
from archiver.log.log_loss import (
    Cause,
    LogLoss,
    ServerState,
    decode_loss,
    describe_loss,
    encode_loss,
    find_unnoted,
)
from cli.archive.restoration.losses import REFUSED

BEFORE = ServerState(cluster="7", time_line=2, database=16384, wal=5000)
AFTER = msgspec.structs.replace(BEFORE, time_line=3)
FOUND = datetime(2026, 12, 1, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY, ROOT, OTHER = bytes(range(32)), b"r" * 32, b"o" * 32
LOSS = LogLoss(size=100, kept_size=160, kept_root=ROOT, at=FOUND, before=BEFORE, after=AFTER)


@pytest.mark.parametrize(
    ("now", "cause"),
    [
        (BEFORE, Cause.REMOVED),
        (msgspec.structs.replace(BEFORE, wal=9000), Cause.REMOVED),
        (msgspec.structs.replace(BEFORE, wal=4999), Cause.RESTORED),
        (AFTER, Cause.RESTORED),
        (msgspec.structs.replace(BEFORE, cluster="8", wal=9000), Cause.RESTORED),
        (msgspec.structs.replace(BEFORE, database=16385, wal=9000), Cause.OTHER_NUMBER),
    ],
    ids=["same", "went on", "snapshot", "time line", "cluster", "database"],
)
def test_server_shows_if_its_database_was_restored(now: ServerState, cause: Cause) -> None:
    assert msgspec.structs.replace(LOSS, after=now).cause is cause
    assert msgspec.structs.replace(LOSS, after=now, before=None).cause is Cause.UNKNOWN


def test_noted_loss_is_read_again_and_an_altered_one_is_not() -> None:
    content = encode_loss(LOSS, KEY)
    read = decode_loss(content, KEY)
    assert read and msgspec.structs.replace(read, mac=b"") == LOSS
    bent = (content.replace(b"160", b"161"), content.replace(b'"time_line":3', b'"time_line":4'))
    assert [decode_loss(each, KEY) for each in (*bent, content[:-1], b"[]")] == [None] * 4
    assert decode_loss(content, bytes(32)) is None


OF_LOG = msgspec.structs.replace(LOSS, kept_size=150, kept_root=OTHER, size=162, at=FOUND + MINUTE)
"""The same loss, found by another archiver after 62 entries followed."""


@pytest.mark.parametrize(
    ("loss", "seen_at", "noted", "expected"),
    [
        (LOSS, FOUND - MINUTE, [], (100, FOUND)),
        (msgspec.structs.replace(LOSS, size=103), FOUND + MINUTE, [LOSS], None),
        (msgspec.structs.replace(LOSS, size=90), FOUND - MINUTE, [LOSS], (90, FOUND)),
        (OF_LOG, FOUND - MINUTE, [LOSS], None),
        (OF_LOG, FOUND + MINUTE, [LOSS], (162, FOUND + MINUTE)),
        (OF_LOG, FOUND - MINUTE, [], (162, FOUND + MINUTE)),
        (msgspec.structs.replace(OF_LOG, kept_size=161), FOUND - MINUTE, [LOSS], (100, FOUND)),
        (
            msgspec.structs.replace(OF_LOG, kept_size=100),
            FOUND - MINUTE,
            [LOSS],
            (162, FOUND + MINUTE),
        ),
    ],
    ids=["first", "again", "more", "shorter", "later", "alone", "longer", "of what was left"],
)
def test_loss_is_noted_unless_a_noted_one_explains_it(
    loss: LogLoss, seen_at: datetime, noted: list[LogLoss], expected: tuple[int, datetime] | None
) -> None:
    found = find_unnoted(loss, seen_at, noted)
    assert (found and (found.size, found.at)) == expected


@pytest.mark.parametrize("loss", [LOSS, OF_LOG], ids=["left", "late"])
@pytest.mark.parametrize("before", [None, BEFORE, AFTER], ids=["unknown", "restored", "removed"])
def test_sentence_names_the_command_where_that_accepts(
    loss: LogLoss, before: ServerState | None
) -> None:
    loss = msgspec.structs.replace(loss, before=before)
    is_named = f"postkamer archive accept {loss.kept_size}" in describe_loss(loss)
    assert is_named is (loss.cause not in REFUSED) is (loss.size == 100 and before == BEFORE)
    assert ("were removed or changed" in describe_loss(loss)) is (before == AFTER)
    assert ("nobody knows if" in describe_loss(loss)) is (before is None)


def test_longer_log_is_the_largest_signed_before_or_the_head_itself() -> None:
    head = LongerLog(160, ROOT, FOUND, is_signed=False)
    signed = LongerLog(160, ROOT, FOUND + MINUTE, is_signed=True)
    before, since = (
        LongerLog(161, OTHER, FOUND - MINUTE, is_signed=True),
        LongerLog(170, OTHER, FOUND + MINUTE, is_signed=True),
    )
    assert find_longer(LOSS, []) == head
    assert find_longer(LOSS, [since, signed]) == signed
    assert find_longer(LOSS, [since, signed, before]) == before


@pytest.mark.parametrize(
    ("size", "root", "at", "is_covered"),
    [
        (101, OTHER, FOUND, True),
        (159, OTHER, FOUND - MINUTE, True),
        (100, OTHER, FOUND - MINUTE, False),
        (161, OTHER, FOUND - MINUTE, False),
        (130, OTHER, FOUND + MINUTE, False),
        (160, ROOT, FOUND + MINUTE, True),
        (160, OTHER, FOUND + MINUTE, False),
    ],
    ids=["first", "last", "left", "longer", "since", "the head", "another"],
)
def test_accepted_loss_covers_the_lost_states_alone(
    size: int, root: bytes, at: datetime, is_covered: bool
) -> None:
    longer = find_longer(LOSS, [])
    accepted = accept_loss(LOSS, longer, FOUND - 9 * MINUTE, ("Dirk", "proven"), "case 12", FOUND)
    assert accepted.covers(SignedState(size, root, "kept outside", at)) is is_covered
    assert accepted.is_of(LOSS) and not accepted.is_of(msgspec.structs.replace(LOSS, size=99))


def test_rows_are_lost_from_the_last_checkpoint_that_was_left() -> None:
    left_at = FOUND - 9 * MINUTE
    accepted = accept_loss(
        LOSS, find_longer(LOSS, []), left_at, ("Dirk", "stated"), "case 12", FOUND
    )
    assert accepted.lacks(left_at) and accepted.lacks(FOUND)
    assert not accepted.lacks(left_at - MINUTE) and not accepted.lacks(FOUND + MINUTE)
    assert msgspec.structs.replace(accepted, left_at=None).lacks(left_at - MINUTE)
