"""Deciding anew: the same rules say the same, other rules say what they would have said."""

from collections.abc import Callable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.replay.diff import Differences
from cli.replay.effects_diff import rows
from tests.citizens import phone
from tests.unit.cli.replays import replayed
from tests.week import BOT, Week, town

SAME = town()


def nothing(found: Differences) -> bool:
    shown = found.shown()
    return (
        shown["elsewhere"]["messages"] == shown["otherRule"] == found.unread == 0
        and not shown["tags"]
        and not shown["care"]
        and not rows(shown["effects"])
    )


TEXTS = [
    "hallo",
    "Goedemiddag!",
    "mijn container is niet geleegd",
    "ik wil een paspoort",
    "is er markt vandaag?",
    "ik heb een vraag",
    "dank u wel",
    "ik maak bezwaar tegen het besluit",
    "Good morning, I would like to know when you are open please",
    "en nu?",
    "1",
    "Paspoort",
    "ik wil niet meer leven",
    "stop",
]
TAPS = ["onderwerp/pas", "onderwerp/vuil", "onderwerp/vuil/grof", "onderwerp/open"]
WAITS = [0, 0.5, 5, 90, 60 * 9, 60 * 26, 60 * 80, 60 * 24 * 9]
"""Minutes."""
ORDERS: list[dict[str, Any]] = [
    {"type": "text", "text": "Goedemiddag"},
    {"type": "text", "text": "Ik ben een robot", "author": BOT},
    {"type": "reaction", "text": "👍"},
    {"type": "close", "outcome": "handled"},
    {"type": "note", "text": "x"},
    *({"type": "transfer", "to_department": d} for d in ("balie", "afval", "burgerzaken", "")),
]
Act = tuple[Any, ...]
CITIZENS = st.integers(1, 3)
ACTS: st.SearchStrategy[Act] = st.one_of(
    st.tuples(st.just("hears"), CITIZENS, st.sampled_from(TEXTS)),
    st.tuples(st.just("hears"), CITIZENS, st.sampled_from(TEXTS), st.sampled_from(TEXTS)),
    st.tuples(st.just("sees"), CITIZENS),
    st.tuples(st.just("tapped"), CITIZENS, st.sampled_from(TAPS)),
    st.tuples(st.just("ordered"), CITIZENS, st.sampled_from(ORDERS)),
    st.tuples(st.just("begun"), CITIZENS, st.sampled_from(["", "afval"])),
    st.tuples(st.just("merged"), CITIZENS),
    st.tuples(st.just("passes"), st.sampled_from(WAITS)),
)


def did(week: Week, acts: list[Act]) -> Week:
    """With all of these done, one after the other."""
    for what, *of in acts:
        week.passes(seconds=1)
        DOES[what](week, *of)
    week.passes(seconds=1)
    return week


def _ordered(week: Week, citizen: int, order: dict[str, Any]) -> None:
    if there := week.open(citizen):
        week.orders(conversation=there, **order)


def _merged(week: Week, citizen: int) -> None:
    one, other = week.open(citizen), week.open(citizen % 3 + 1)
    if one and other:
        week.orders("merge", one, other=other)


def _begun(week: Week, citizen: int, department: str) -> None:
    week.orders("text", to=f"+{phone(citizen)}", text="Dag", department=department)


DOES: dict[str, Callable[..., object]] = {
    "hears": Week.hears,
    "sees": Week.sees,
    "tapped": lambda week, citizen, path: week.tapped(citizen, f"menu:{path}", "x"),
    "ordered": _ordered,
    "begun": _begun,
    "merged": _merged,
    "passes": lambda week, minutes: week.passes(minutes=minutes),
}


def unmerged(acts: list[Act]) -> list[Act]:
    """Who was found to be one in a conversation that is closed since, is not known any more."""
    return [act for act in acts if act[0] != "merged"]


@settings(max_examples=100, deadline=None)
@given(acts=st.lists(ACTS, min_size=1, max_size=25), batch=st.integers(1, 9))
@example(  # what was due in the other conversation long before the two were one
    acts=[
        ("sees", 2),
        ("passes", 540),
        ("hears", 1, "ik wil een paspoort"),
        ("merged", 1),
        ("hears", 1, "hallo"),
    ],
    batch=1,
)
def test_the_same_rules_say_the_same_of_everything(acts: list[Act], batch: int) -> None:
    found = replayed(did(Week(SAME), acts), SAME, batch=batch)
    assert nothing(found), found.shown()


@settings(max_examples=100, deadline=None)
@given(
    before=st.lists(ACTS, min_size=1, max_size=12).map(unmerged),
    after=st.lists(ACTS, min_size=1, max_size=9),
)
@example(  # told nothing yet, and written to first since
    before=[("hears", 1, "stop"), ("passes", 12960), ("begun", 1, "")], after=[("sees", 1)]
)
def test_the_same_rules_say_the_same_of_conversations_that_had_begun_before(
    before: list[Act], after: list[Act]
) -> None:
    week = did(Week(SAME), before)
    since = week.now
    found = replayed(did(week, after), SAME, since)
    assert nothing(found), found.shown()
