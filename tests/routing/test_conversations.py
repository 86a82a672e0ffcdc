"""Conversations from beginning to end: the tasks that are made and the texts that go out by
themselves, in a table that says what a careful municipality wants. With `-s` it prints them all."""

import itertools
import re
from collections.abc import Callable
from functools import cache

import pytest

from tests.support.routing.scenario_player import Played, played, rows
from tests.support.routing.town_variants import town

pytestmark = pytest.mark.slow

CLOCK = re.compile(r"\b\d{1,2}[.:]\d\d\b|\b(?:van|from) \d{1,2}(?::00)? (?:tot|to) \d{1,2}\b")
ENOUGH = 35
"""Conversations, of every kind that a front desk knows."""
ROWS = {row.id: row for row in rows()}

Play = Callable[[str], Played]


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Plays a conversation in its town, each once."""
    towns = cache(lambda name: town(name, tmp_path_factory.mktemp("town") / "voorbeeldstad"))
    return cache(lambda id: played(ROWS[id], towns(ROWS[id].town)))


@pytest.mark.parametrize("id", ROWS)
def test_conversation_goes_as_its_row_says(id: str, play: Play) -> None:
    """A row that says that it differs fails too, so that it is not forgotten."""
    seen = play(id)
    assert not seen.wrong, "\n".join([seen.row.why, *seen.wrong, seen.row.differs])
    assert not seen.row.differs, "it does not differ any more: take `differs` away"


def test_texts_after_each_other_give_one_time(play: Play) -> None:
    """ "From 9 to 17" beside "from Monday at 8.30" leaves a citizen to guess. A text about a delay
    may: it promises a new time, after hours of waiting."""
    for id in ROWS:
        texts = zip(play(id).texts, play(id).bodies, strict=True)
        bodies = [body for name, body in texts if name != "duurt_langer"]
        for text, following in itertools.pairwise(["", *bodies, ""]):
            assert len({*CLOCK.findall(f"{text} {following}")}) <= 1, (id, text, following)


def test_the_table_of_conversations(play: Play) -> None:
    assert len(ROWS) == len(rows()) >= ENOUGH
    print()
    for id, row in ROWS.items():
        seen = play(id)
        said, ends = " ".join(seen.texts) or "-", " ".join(seen.ends)
        mark = "DIFFERS" if seen.wrong else ""
        print(f"{id:<42} {len(row.steps):>2} steps {seen.tasks} tasks  {said:<40}  {ends} {mark}")
