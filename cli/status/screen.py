"""The screen of `postkamer status`: a snapshot as lines of text. Pure.

A section is a row in SECTIONS. A sign says what a colour says: `!` is wrong, `~` a warning, `?` not
known.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Literal

import msgspec

from cli.status.problems import WHOLE
from cli.status.snapshot import (
    Check,
    Destination,
    Queue,
    Snapshot,
)
from cli.status.words import count_of, format_bytes, format_count, format_span

MOST_ROWS = 8
"""Rows of one section, and problems; the others are folded into one line."""
LONGEST_CELL = 24
SHORTEST_NAME = 11
"""Letters that the first column keeps where the last one, which has the reason, lacks room: as many
as in its longest heading."""
ROOM_OF_REASON = 16
NARROWEST = 40
"""Columns of a terminal below which lines are cut by the terminal itself."""
GAP = "  "
NOTHING = "-"

State = Literal["fine", "wrong", "warning", "unknown"]
Style = Literal["title", "sign", "fine", "wrong", "warning", "unknown", "dim"]
Paint = Callable[[str, Style], str]
"""Returns the text with the colour of a style."""
SIGNS: dict[State, str] = {"wrong": "!", "warning": "~", "unknown": "?", "fine": " "}
"""Signs, the worst first."""


class Row(msgspec.Struct, frozen=True):
    state: State
    cells: tuple[str, ...]
    """Texts of the columns; the second one is the state in a word."""


class Section(msgspec.Struct, frozen=True):
    columns: tuple[str, ...]
    """Headings; `>` before one puts its column to the right."""
    rows: Callable[[Snapshot], Iterator[Row]]


def no_paint(text: str, style: Style) -> str:
    """Return the text as it is, for a terminal without colours."""
    return text


def format_screen(snapshot: Snapshot, width: int, paint: Paint = no_paint) -> list[str]:
    """Return the lines of the screen, each at most `width` wide."""
    width = max(width, NARROWEST)
    lines = [_headline(snapshot, width, paint), *_problems(snapshot, width, paint)]
    for section in SECTIONS:
        if rows := list(section.rows(snapshot)):
            lines += ["", *_table(section.columns, rows, width, paint)]
    if snapshot.not_asked:
        lines.append("")
    lines += [paint(cut(f"? {each}.", width), "unknown") for each in snapshot.not_asked]
    return lines


def fit_height(lines: Sequence[str], height: int) -> list[str]:
    """Return the lines that a terminal of this height can show. Blank lines go first."""
    if len(lines) > height:
        lines = [line for line in lines if line]
    if len(lines) <= height:
        return list(lines)
    hidden = len(lines) - height + 1
    return [*lines[: height - 1], f"and {hidden} more lines: the terminal is too low"]


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _headline(snapshot: Snapshot, width: int, paint: Paint) -> str:
    words, state = _verdict(snapshot)
    start = f"Postkamer  {snapshot.at:%Y-%m-%d %H:%M:%S}Z  "
    if len(start) + len(words) > width:
        return paint(cut(words, width), state)
    return f"{start.replace('Postkamer', paint('Postkamer', 'title'))}{paint(words, state)}"


def _verdict(snapshot: Snapshot) -> tuple[str, State]:
    warnings = sum(problem.level == "warning" for problem in snapshot.problems)
    if wrong := len(snapshot.problems) - warnings:
        words = "1 thing is wrong" if wrong == 1 else f"{wrong} things are wrong"
        more = f", {count_of(warnings, 'warning|warnings')}" if warnings else ""
        return f"{words}{more}", "wrong"
    if warnings:
        return f"nothing is wrong, {count_of(warnings, 'warning|warnings')}", "warning"
    if snapshot.not_asked:
        return "nothing wrong seen, but not all was asked", "unknown"
    return "all is well", "fine"


def _problems(snapshot: Snapshot, width: int, paint: Paint) -> Iterator[str]:
    shown = snapshot.problems[:MOST_ROWS]
    if shown:
        yield ""
    for problem in shown:
        first, *others = _wrap(problem.text, width - 2)
        level: State = "warning" if problem.level == "warning" else "wrong"
        yield f"{paint(SIGNS[level], level)} {first}"
        yield from (f"  {line}" for line in others)
        yield paint(cut(f"    {problem.next}", width), "title")
    if more := len(snapshot.problems) - len(shown):
        yield cut(f"  and {more} more: `postkamer status --json` has them all", width)


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return [cut(line, width) for line in lines]


def _table(columns: Sequence[str], rows: Sequence[Row], width: int, paint: Paint) -> Iterator[str]:
    if len(rows) > MOST_ROWS:
        rows = sorted(rows, key=lambda row: list(SIGNS).index(row.state))
    shown, folded = rows[:MOST_ROWS], rows[MOST_ROWS:]
    titles = tuple(column.removeprefix(">").upper() for column in columns)
    texts = [titles, *(row.cells for row in shown)]
    natural = [
        max(len(cut(each, LONGEST_CELL)) for each in column) for column in zip(*texts, strict=True)
    ]
    widths = _fit(natural, width - 2)
    yield paint(f"  {GAP.join(_pad(titles, columns, widths))}".rstrip(), "title")
    for row in shown:
        cells = _pad(row.cells, columns, widths)
        cells[1] = paint(cells[1], row.state)
        yield f"{paint(SIGNS[row.state], row.state)} {GAP.join(cells)}".rstrip()
    if folded:
        others = sum(row.state != "fine" for row in folded)
        fate = f"{others} of them not fine" if others else "all fine"
        yield paint(f"  and {len(folded)} more: {fate}", folded[0].state if others else "dim")


def _fit(natural: Sequence[int], room: int) -> list[int]:
    """Return the widths of the columns. The last one gets the rest, and the first one gives it some
    room. A figure is never cut: where that is not enough, the last columns are left out."""
    *widths, last = natural
    gaps = len(GAP) * len(widths)
    lacking = sum(widths) + gaps + min(last, ROOM_OF_REASON) - room
    widths[0] -= max(0, min(lacking, widths[0] - SHORTEST_NAME))
    if (rest := room - sum(widths) - gaps) > 0:
        return [*widths, rest]
    while sum(widths) + len(GAP) * (len(widths) - 1) > room:
        widths.pop()
    return widths


def _pad(cells: Sequence[str], columns: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cut(cell, width).rjust(width) if column.startswith(">") else cut(cell, width).ljust(width)
        for cell, column, width in zip(cells, columns, widths, strict=False)
    ]


def _services(snapshot: Snapshot) -> Iterator[Row]:
    for each in snapshot.services:
        runs = format_span(snapshot.at - each.started_at) if each.started_at else NOTHING
        rules = each.rules.version if each.rules else NOTHING
        word = "ready" if each.ready else "not ready" if each.live else "not live"
        process = each.instance or each.address
        state = _state(snapshot, f"service {each.name} {each.address}")
        yield Row(state, (each.name, word, each.version or NOTHING, runs, rules, process))
    silent = {each.name for each in snapshot.services if not each.live}
    for other in snapshot.others:
        word = "silent" if other.name in silent else "not asked"
        rest = (NOTHING, NOTHING, NOTHING, other.instance)
        yield Row("unknown", (other.name, word, *rest))


def _state(snapshot: Snapshot, about: str, *, is_known: bool = True) -> State:
    """Return the state of a row: that of the worst problem about it."""
    levels = {problem.level for problem in snapshot.problems if problem.about == about}
    if levels:
        return "warning" if levels == {"warning"} else "wrong"
    return "fine" if is_known else "unknown"


def _queue_word(queue: Queue) -> str:
    if queue.fault:
        return "no queue"
    if queue.ready is None:
        return "not known"
    return "no reader" if queue.consumers == 0 else "fine"


def _owner(queue: Queue) -> str:
    others = f" (+{len(queue.stand_by)})" if queue.owner and queue.stand_by else ""
    return f"{queue.owner}{others}" or " or ".join(queue.stand_by) or NOTHING


def _partitions(snapshot: Snapshot) -> Iterator[Row]:
    for each in snapshot.partitions:
        word, epoch = _queue_word(each.queue), _number(each.epoch)
        state = _state(snapshot, f"partition {each.partition}", is_known=word != "not known")
        cells = (str(each.partition), word, _in_queue(each.queue), epoch, _owner(each.queue))
        yield Row(state, cells)


def _destinations(snapshot: Snapshot) -> Iterator[Row]:
    for each in snapshot.destinations:
        word = _destination_word(each)
        state = _state(snapshot, f"destination {each.id}", is_known=word != "not known")
        exact, counts = (each.queue.ready, each.waiting), (each.window, each.aside, each.parked)
        since = f"{format_span(snapshot.at - each.paused_since)}: " if each.paused_since else ""
        last = f"{since}{each.reason}" if since else _owner(each.queue)
        yield Row(state, (each.id, word, *map(_exact, exact), *map(_number, counts), last))


def _destination_word(each: Destination) -> str:
    if each.paused_by:
        return "paused" if each.paused_by == "person" else "failing"
    word = _queue_word(each.queue)
    return "not known" if word == "fine" and each.parked is None else word


def _number(count: int | None) -> str:
    return NOTHING if count is None else format_count(count)


def _numbers(snapshot: Snapshot) -> Iterator[Row]:
    for each in snapshot.numbers:
        word = "stopped" if each.stopped else each.state or "not known"
        word = "moves" if each.moves_since else word
        state = _state(snapshot, f"number {each.id}", is_known=word != "not known")
        counts = (each.queued, each.held, each.in_doubt)
        yield Row(state, (each.id, word, *map(_number, counts), _health(each.checks)))


def _health(checks: Sequence[Check]) -> str:
    """Return the checks that are not in order; if there are none, how many are known to be."""
    bad = [
        f"{each.name}: {each.state}"
        for state in ("wrong", "warning")
        for each in checks
        if each.state == state
    ]
    fine = sum(each.state == "fine" for each in checks)
    return ", ".join(bad) or (_count_fine(fine, checks) if checks else NOTHING)


def _count_fine(fine: int, checks: Sequence[Check]) -> str:
    """Return how many checks are fine, the first end of a token, a version or a certificate, and
    the reason why a check cannot tell, if it has one."""
    ends = sorted((each.until, each.name) for each in checks if each.until)
    first = [f"{name} until {until:%Y-%m-%d}" for until, name in ends[:1]]
    unknown = [f"{each.name}: {each.detail}" for each in checks if _has_reason(each)]
    return "; ".join((f"{fine} of {len(checks)} checks fine", *first, *unknown))


def _has_reason(check: Check) -> bool:
    return check.state == "unknown" and bool(check.detail)


def _waiting(snapshot: Snapshot) -> Iterator[Row]:
    for each in snapshot.waiting:
        age = format_span(snapshot.at - each.since) if each.since else NOTHING
        age = "none" if each.count == 0 else age
        state = _state(snapshot, f"waiting {each.kind}", is_known=each.count is not None)
        note = f"for {each.destination}" if each.destination else ""
        yield Row(state, (each.kind, age, _number(each.count), note))


def _archive(snapshot: Snapshot) -> Iterator[Row]:
    each, word = snapshot.archive, _queue_word(snapshot.archive.queue)
    lag, at = each.lag_seconds, each.checkpoint_at
    ready = each.queue.ready
    counts = (_exact(ready), _exact(each.entries), _number(each.aside))
    # An old record may be written last, after a pause; without a queue nothing is behind.
    is_known = lag is not None and ready is not None
    behind = format_span(timedelta(seconds=lag if lag and ready else 0)) if is_known else NOTHING
    signed = f"{format_span(snapshot.at - at)} ago" if at else NOTHING
    state = _state(snapshot, "archive", is_known=word != "not known")
    yield Row(state, ("archive", word, *counts, behind, signed))


def _in_queue(queue: Queue) -> str:
    """Return how many wait or are in hand: both are in the queue until they are finished."""
    return NOTHING if queue.ready is None else f"{queue.ready + queue.in_hand:,}"


def _exact(count: int | None) -> str:
    return NOTHING if count is None else f"{count:,}"


def _disk(snapshot: Snapshot) -> Iterator[Row]:
    for each in snapshot.disk:
        free, total, used = map(_size, (each.free, each.total, each.used))
        free = "not known" if each.free is None else free
        note = f"takes nothing in below {_size(each.limit)}" if each.limit else each.note
        state = _state(snapshot, f"disk {each.name}", is_known=each.free is not None)
        yield Row(state, (each.name, free, total, used, note))


def _size(size: int | None) -> str:
    return NOTHING if size is None else format_bytes(size)


def _balance(snapshot: Snapshot) -> Iterator[Row]:
    """Yield the equations that do not close; if all do, a row for the whole."""
    broken = [each for each in snapshot.balance if not each.closes]
    whole = [msgspec.structs.replace(each, name=WHOLE) for each in snapshot.balance[:1]]
    for each in broken or whole:
        at = each.drawn_up_at
        age = f"{format_span(snapshot.at - at)} ago" if at else NOTHING
        word = "closes" if each.closes else "open"
        state = _state(snapshot, f"balance {each.name}")
        yield Row(state, (each.name, word, _number(each.missing), age))


SECTIONS = (
    Section(("service", "state", "version", "runs", "rules", "instance"), _services),
    Section(("partition", "state", ">queue", ">epoch", "owner"), _partitions),
    Section(
        (
            "destination",
            "state",
            ">queue",
            ">overflow",
            ">window",
            ">aside",
            ">parked",
            "owner, or why",
        ),
        _destinations,
    ),
    Section(("number", "state", ">queued", ">held", ">in doubt", "health"), _numbers),
    Section(("waiting", "oldest", ">count", ""), _waiting),
    Section(("record", "state", ">queue", ">entries", ">aside", ">behind", "checkpoint"), _archive),
    Section(("disk", "free", ">of", ">our data", ""), _disk),
    Section(("balance", "state", ">missing", "drawn up"), _balance),
)
"""Columns of each section and its rows; one without rows is left out."""
