"""Comparing rules on a week without a database: what `cli.replay` asks of one, from a list."""

from cli.replay.diff import Differences
from cli.replay.recorded import MessageRecord, read_row, sort_rows
from router.model.hashes import Hashes
from router.ruleset.context import build_context
from services.config.loader import LoadedConfig
from services.contract import Record
from tests.support.simulated_week import TOWN, Week, town

SAME = town()


def rows(records: list[Record]) -> list[MessageRecord]:
    """Messages that came in, as the archive gives them."""
    read = ("id", "at", "conversation", "receipt", "data", "raw")
    given = [
        {name: getattr(record, name) for name in read} | {"item": record.item_index}
        for record in records
        if record.kind == "message"
    ]
    return sort_rows(
        row for row in map(read_row, given) if not row.data or row.data.direction == "in"
    )


def replayed(week: Week, new: LoadedConfig, examples: int = 0) -> Differences:
    before, after = (build_context(each, Hashes(b"another key")) for each in (SAME, new))
    found = Differences(before, after, examples)
    for row in rows(week.records):
        found.compare(row)
    return found


def changed(*pairs: tuple[str, str]) -> LoadedConfig:
    """The town where something else is written."""
    text = TOWN
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return town(text)
