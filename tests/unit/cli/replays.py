"""Replaying a week without a database: what `cli.replay` asks of one, from a list of records."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cli.replay.diff import Differences
from cli.replay.recorded import Row, row
from cli.replay.simulator import Replay
from router.handlers.units import keyed_hash
from router.ruleset.context import build_context
from services.config.loader import LoadedConfig
from services.contract import Record
from tests.week import MONDAY, TOWN, Week, town


def rows(records: list[Record]) -> list[Row]:
    """As the archive gives them."""
    read = ("id", "kind", "at", "conversation", "sequence", "data", "raw")
    kinds = ("message", "conversation", "number")
    given = [{name: getattr(r, name) for name in read} for r in records if r.kind in kinds]
    return [row(each) for each in sorted(given, key=lambda each: each["id"])]


def replayed(
    week: Week, new: LoadedConfig, since: datetime = MONDAY, batch: int = 7, **more: Any
) -> Differences:
    """What `cli.replay` does, without a database."""
    every = rows(week.records)
    ground = build_context(new, keyed_hash(b"another key"))
    replay = Replay(ground, **more)
    range = [each for each in every if each.at >= since]
    for part in _batches(range, batch):
        unknown: set[str] = set()
        while more := {*replay.unknown(part), *_merged_with(unknown, every)} - unknown:
            unknown |= more
        met = set(_met(week, every))
        replay.met(met & unknown)
        past = Replay(ground, as_it_was=True)
        past.met(met & unknown)
        past.take(r for r in every if r.id < part[0].id and r.conversation in unknown)
        replay.resume(past)
        replay.take(part)
    return replay.found


def changed(*pairs: tuple[str, str]) -> LoadedConfig:
    """The town where something else is written."""
    text = TOWN
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return town(text)


def asked(week: Week) -> str:
    """Somebody asks about waste; the conversation."""
    return week.hears(2, "mijn container is niet geleegd")[0].conversation


def _met(week: Week, every: list[Row]) -> Iterator[str]:
    """Conversations of whoever had been told how this works, in another one."""
    known: dict[object, str] = {}
    begun: set[str] = set()
    for each in every:
        if each.heard:
            before = {known.get(name, each.conversation) for name in each.data.names}
            elsewhere = before - {each.conversation}
            if each.conversation not in begun and not any(map(week.unwelcomed, elsewhere)):
                yield from {each.conversation} if elsewhere else ()
            begun.add(each.conversation)
            known |= dict.fromkeys(each.data.names, each.conversation)


def _merged_with(conversations: set[str], every: list[Row]) -> set[str]:
    return {r.data.other for r in every if r.conversation in conversations} - {""}


def _batches(every: list[Row], size: int) -> Iterator[list[Row]]:
    part: list[Row] = []
    for each in every:
        if len(part) >= size and each.at > part[-1].at:
            yield part
            part = []
        part.append(each)
    if part:
        yield part
