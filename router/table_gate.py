"""The tables of messages that a configuration names: its rules are refused where they fall below.

A table is no part of a version: it says what the rules should do and not what they do, and it may
have messages of citizens, which belong in no log and in no record of a version.
"""

from collections.abc import Iterator
from pathlib import Path

from router.explanation import HASHES
from router.message_table.judgement import AT, describe_shortfall, first_number, judge_rows
from router.message_table.table import BYTES, TableError, known_names, parse_table
from router.model.work import RoutingContext
from router.ruleset.context import build_context
from services.config.loader import LoadedConfig
from services.config.model import ConfigError, as_partial
from services.config.routing_rules import RuleTest
from services.toml.errors import ConfigFault

NO_NUMBER = "the municipality has no number, so no message can be judged"


def validate_by_tables(loaded: LoadedConfig, folder: Path) -> LoadedConfig:
    """Return the configuration, or raise ConfigError if its rules fall below its tables, which are
    in `folder`. Without tables nothing is compiled."""
    has_tables = bool(loaded.config.tests)
    if has_tables and (faults := find_table_faults(build_context(loaded, HASHES), folder)):
        raise ConfigError(faults, as_partial(loaded.config), loaded.sources)
    return loaded


def find_table_faults(context: RoutingContext, folder: Path) -> list[ConfigFault]:
    """Return the faults of the tables, and a sentence for each that the rules fall below. None has
    words of a message."""
    return [fault for test in context.config.tests for fault in _judge(test, context, folder)]


def _judge(test: RuleTest, context: RoutingContext, folder: Path) -> Iterator[ConfigFault]:
    file = folder / test.table
    path, place = str(file), f"test of {test.tenant}"
    number = first_number(context.config, test.tenant)
    if number is None:
        yield ConfigFault(path, 0, place, NO_NUMBER)
        return
    try:
        table = parse_table(read_table(file), known_names(context.config, test.tenant))
    except OSError as error:
        yield ConfigFault(path, 0, place, f"cannot be read: {error.strerror}")
    except TableError as error:
        for fault in error.faults:
            yield ConfigFault(path, fault.line, fault.column, fault.what)
    else:
        judged = [*judge_rows(table, number, AT, context)]
        if what := describe_shortfall(judged, test.at_least):
            yield ConfigFault(path, 0, place, what)


def read_table(path: Path) -> bytes:
    """Return the contents of a file; of one that is too large no more than shows that it is."""
    with path.open("rb") as file:
        return file.read(BYTES + 1)
