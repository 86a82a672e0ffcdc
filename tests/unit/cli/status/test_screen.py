"""The screen: its lines, its width and height, its signs and colours."""

import re
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from cli.status.command import paint
from cli.status.screen import fit_height, format_screen
from cli.status.snapshot import (
    Archive,
    Balance,
    Check,
    OtherInstance,
    Partition,
    Queue,
)
from tests.support.cli.town_snapshot import AT, ago, destination, number, town, unwell_town
from tests.support.installation import ROOT

ANSI = re.compile(r"\x1b\[[0-9;]*m")
SCREEN = """\
Postkamer  2026-12-01 09:30:00Z  all is well

  SERVICE    STATE  VERSION  RUNS     RULES         INSTANCE
  gateway    ready  0.1.0    3 d 2 h  266f4218f27f  web1/711
  router     ready  0.1.0    3 d 2 h  266f4218f27f  web1/611
  deliverer  ready  0.1.0    3 d 2 h  -             web1/911
  archiver   ready  0.1.0    3 d 2 h  -             web1/811

  PARTITION  STATE  QUEUE  EPOCH  OWNER
  0          fine       0      4  router web1/611
  1          fine       0      5  router web1/611

  DESTINATION  STATE  QUEUE  OVERFLOW  WINDOW  ASIDE  PARKED  OWNER, OR WHY
  crm          fine       0         0      16      0       0  deliverer web1/911
  ita          fine       0         0      16      0       0  deliverer web1/911
  piket        fine       0         0      16      0       0  deliverer web1/911

  NUMBER           STATE  QUEUED  HELD  IN DOUBT  HEALTH
  106540352242922  open        0     0         0  -
  106540352242923  open        3     1         0  -

  WAITING      OLDEST  COUNT
  delivery     none        0
  send         2 s         3
  file         9 s         1
  timer        none        0
  quarantined  none        0

  RECORD   STATE  QUEUE    ENTRIES  ASIDE  BEHIND  CHECKPOINT
  archive  fine       0  1,204,811      0     0 s  40 s ago

  DISK      FREE          OF  OUR DATA
  files     77 GB      96 GB         -
? database  not known      -    4.0 GB  PostgreSQL does not tell
  broker    30 GB          -         -  takes nothing in below 2.0 GB

  BALANCE  STATE   MISSING  DRAWN UP
  total    closes        0  12 s ago
"""


def test_screen_of_a_town_that_is_well() -> None:
    assert format_screen(town(), 80) == SCREEN.splitlines()


@pytest.mark.parametrize("width", [80, 100, 200])
def test_screens_fit_their_width_and_forty_lines(width: int) -> None:
    for snapshot in (town(), unwell_town()):
        lines = format_screen(snapshot, width)
        assert max(map(len, lines)) <= width
    assert len(format_screen(town(), width)) <= 40


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_long_names_and_figures_fit_and_no_figure_is_cut(width: int) -> None:
    process = "deliverer host-name-of-a-pod-7f9c/12345"
    queue = Queue(ready=1_234_567, consumers=1, owner=process, stand_by=("x",))
    many = {"waiting": 1_234_567, "aside": 10_001, "parked": 10_001, "window": 128}
    failing = {"paused_by": "failures", "paused_since": ago(hours=3), "reason": "HTTP status 503"}
    snapshot = town(
        destinations=(destination("zaaksysteem-burgerzaken", queue=queue, **many, **failing),),
        partitions=(Partition(partition=11, queue=queue, epoch=123),),
        archive=Archive(queue=queue, lag_seconds=99_999, entries=123_456_789, aside=10_001),
    )
    lines = format_screen(snapshot, width)
    assert max(map(len, lines)) <= width
    assert not any(re.search(r"[0-9]+,[0-9,]*…", line) for line in lines)
    if width >= 80:
        row = next(line for line in lines if line.startswith("! zaaksys") and "failing" in line)
        assert "3 h: " in row and "1,234,567" in row
    assert ANSI.sub("", "\n".join(format_screen(snapshot, width, paint))) == "\n".join(lines)


def test_problems_come_first_with_their_commands() -> None:
    lines = format_screen(unwell_town(), 80)
    assert lines[0] == "Postkamer  2026-12-01 09:30:00Z  10 things are wrong"
    assert lines[2:6] == [
        "! router is not ready: no consumer on router.partition.1.",
        "    postkamer check --live",
        "! archiver is not live: http://archiver:9083 does not answer within 1 s.",
        "    read the log of that service, and start it again",
    ]
    assert "  and 2 more: `postkamer status --json` has them all" in lines
    crm = next(line for line in lines if line.startswith("! crm  "))
    assert crm.startswith("! crm          failing  20,411         0       1      0       0  2 h 5")
    assert "  delivery     2 h 6 min  10,000+  for crm" in lines


def test_row_with_a_problem_has_a_sign_and_a_word() -> None:
    lines = format_screen(unwell_town(), 80)
    signs = {line.split()[1]: line.split()[2] for line in lines if line.startswith("! ")}
    rows = ("router", "archiver", "1", "crm", "ita", "piket", "106540352242922", "database")
    assert set(rows) <= set(signs)


def test_colours_change_no_text() -> None:
    for snapshot in (town(), unwell_town()):
        painted = format_screen(snapshot, 80, paint)
        assert [ANSI.sub("", line) for line in painted] == format_screen(snapshot, 80)
        assert any("\x1b[" in line for line in painted)


def test_long_sections_are_folded_and_show_what_is_wrong() -> None:
    fine = [destination(f"crm-{n}") for n in range(19)]
    lines = format_screen(town(destinations=(*fine, destination("last", parked=2))), 80)
    rows = [line for line in lines if line[2:].startswith(("crm-", "last"))]
    assert rows[0].startswith("! last")
    assert len(rows) == 8
    assert "  and 12 more: all fine" in lines
    parked = [destination(f"crm-{n}", parked=1) for n in range(20)]
    lines = format_screen(town(destinations=parked), 80)
    assert "  and 12 more: 12 of them not fine" in lines


def test_process_that_only_the_database_knows_is_shown() -> None:
    lines = format_screen(town(others=(OtherInstance("router", "web2/33"),)), 80)
    assert "? router     not asked  -        -        -             web2/33" in lines


def test_balance_shows_what_does_not_close() -> None:
    closed, open = Balance(name="item", closes=True), Balance(name="send", closes=False, missing=2)
    lines = format_screen(town(balance=(closed, open)), 80)
    assert lines[-1] == "! send     open         2  -"
    assert not any("BALANCE" in line for line in format_screen(town(balance=()), 80))


def test_low_terminal_drops_blank_lines_first() -> None:
    lines = format_screen(town(), 80)
    dense = fit_height(lines, len(lines) - 1)
    assert dense == [line for line in lines if line]
    low = fit_height(lines, 20)
    assert len(low) == 20
    assert low[-1] == f"and {len(dense) - 19} more lines: the terminal is too low"


def test_sources_that_were_not_asked_leave_nothing_fine() -> None:
    unasked = Queue(owner="router web1/611")
    lines = format_screen(
        town(
            not_asked=("The broker is not asked: POSTKAMER_AMQP_URL is missing",),
            partitions=(Partition(partition=0, queue=unasked),),
            destinations=(destination("crm", queue=unasked), destination("ita", parked=None)),
            archive=Archive(queue=unasked, lag_seconds=0.1),
        ),
        80,
    )
    assert lines[0] == "Postkamer  2026-12-01 09:30:00Z  nothing wrong seen, but not all was asked"
    states = {line[2:].split()[0]: line for line in lines if line.startswith("? ")}
    for row in ("0", "crm", "ita", "archive"):
        assert "not known" in states[row]
    assert states["archive"].split()[-2:] == ["-", "-"]


def test_pause_of_a_moment_is_shown_and_no_problem() -> None:
    short = destination("crm", paused_by="failures", paused_since=ago(seconds=4), reason="503")
    lines = format_screen(town(destinations=(short,)), 80)
    assert lines[0].endswith("all is well")
    assert "  crm          failing      0         0      16      0       0  4 s: 503" in lines


def list_keys(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from list_keys(each)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from list_keys(member)


def test_page_names_every_key_of_the_json() -> None:
    check = Check("token", "fine")
    numbers = (number("1065", checks=(check,)),)
    snapshot = msgspec.structs.replace(unwell_town(), numbers=numbers)
    snapshot = msgspec.structs.replace(snapshot, others=(OtherInstance("router", "web2/33"),))
    page = (ROOT / "docs" / "operators" / "screen.md").read_text()
    keys = set(list_keys(msgspec.json.decode(msgspec.json.encode(snapshot))))
    assert {key for key in keys if f"`{key}`" not in page} == set()


def test_health_of_a_number_names_the_checks_that_are_not_in_order() -> None:
    fine, unknown = Check("token", "fine"), Check("fields", "unknown")
    wrong = (Check("payment", "wrong"), Check("silence", "warning"))
    numbers = (number("1065", checks=(fine, unknown)), number("1066", checks=(fine, *wrong)))
    rare = Check("silence", "unknown", "too few messages to judge")
    numbers += (number("1067", checks=(fine, rare)),)
    ends = [Check(name, "fine", "", AT + timedelta(days=n)) for n, name in ((9, "a"), (3, "token"))]
    numbers += (number("1068", checks=tuple(ends)),)
    lines = format_screen(town(numbers=numbers), 100)
    first = f"token until {AT + timedelta(days=3):%Y-%m-%d}"
    assert f"  1068    open        0     0         0  2 of 2 checks fine; {first}" in lines
    assert "  1065    open        0     0         0  1 of 2 checks fine" in lines
    assert "! 1066    open        0     0         0  payment: wrong, silence: warning" in lines
    text = "1 of 2 checks fine; silence: too few messages to judge"
    assert f"  1067    open        0     0         0  {text}" in lines


def test_warnings_come_after_what_is_wrong_and_are_not_counted_as_such() -> None:
    flagged, wrong = Check("connection", "warning", "It is FLAGGED"), Check("subscription", "wrong")
    lines = format_screen(town(numbers=(number("1065", checks=(flagged, wrong)),)), 80)
    assert lines[0].endswith("Z  1 thing is wrong, 1 warning")
    assert [line[:21] for line in lines if line[2:].startswith("Number")] == [
        "! Number 1065, subscr",
        "~ Number 1065, connec",
    ]
    row = "! 1065    open        0     0         0  subscription: wrong, connection: warni…"
    assert row in lines
    lines = format_screen(town(numbers=(number("1065", checks=(flagged,)),)), 80)
    assert lines[0].endswith("Z  nothing is wrong, 1 warning")
    assert "~ 1065    open        0     0         0  connection: warning" in lines
