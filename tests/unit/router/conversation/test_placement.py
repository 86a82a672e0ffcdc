"""Messages after a closing: which belong to what was closed, reopen it, or begin anew."""

from datetime import timedelta

import pytest

from router.conversation.placement import REOPEN_PERIOD, THANKS_PERIOD
from tests.support.router.config_full import config
from tests.support.router.script import play
from tests.support.router.simulation import Stadhuis

BEGIN = "mijn container; +5m /text; +5m /close -> afgesloten\n"
OFFICIAL = """
    bezwaar over mijn container -> officieel
    +5m /text; +5m /close outcome=handled -> afgesloten
"""
NEIGHBOURS = "er is iets met de buren -> keuze\n +5m /text; +5m /close -> afgesloten\n"
SCRIPTS = {
    "thanks belong to a closed conversation while it may reopen": f"""{BEGIN}
        +14d bedankt                    -> no opened
        +1s bedankt                     -> opened""",
    "a reopened conversation waits and closes anew": f"""{NEIGHBOURS}
        +2d het is nog steeds zo        -> reopened
        +2h                             -> duurt_langer, ~waiting, @teamleider
        /close                          -> afgesloten
        +1d echt waar; +8h              -> ~waiting
        /text; +14d                     -> ~closed""",
    "a conversation closed by silence is never reopened": """
        mijn container; /text; +14d     -> ~closed
        +1h en nu? -> keuze, opened, no reopened""",
    "a conversation may reopen until the last moment": f"""{BEGIN}
        +14d nog iets over het hek      -> reopened""",
    "a row of an old menu that leads elsewhere begins another": f"""{NEIGHBOURS}
        +1d <menu:keuze/anders          -> no opened
        /close                          -> afgesloten
        +1d <menu:keuze/afval           -> opened, @groen, #_menu:keuze/afval""",
    "a message to another number reopens nothing": f"""{BEGIN}
        +1m {{number=desk}} bedankt     -> opened""",
} | {
    f"message without another subject reopens: {words}": f"""{BEGIN}
        +13d {words}                    -> reopened, no opened, task, @groen, #afval
        +1m nog iets                    -> no reopened"""
    for words in ("het is nog niet opgelost", "de container staat er nog", "[image]", "nee")
} | {
    f"message begins another conversation: {words}": f"""{BEGIN}
        {words} opened, no reopened"""
    for words in (
        "+1d mijn paspoort ->",
        "+1d hoi ->",
        "+14d1s het is nog niet opgelost -> keuze,",
        "+14d1s [image] ->",
        "+1d over huren -> keuze_wonen,",
        "+1d fraude ->",
    )
}  # fmt: skip
SMALL_TALK = [
    "+1m Bedankt!",
    "+23h top, dank u wel",
    "+1m 👍",
    "+1m [reaction] 👍",
    "+31d [reaction] 👍",
    "+31d [reaction]",
    "+31d [revoke]",
    "+31d [system]",
    "+31d STOP -> gestopt",
    "+1d stop -> gestopt",
]


@pytest.mark.parametrize("case", SCRIPTS)
def test_placement(case: str) -> None:
    play(SCRIPTS[case])


@pytest.mark.parametrize("line", SMALL_TALK)
def test_small_talk_after_closing_is_recorded_and_reopens_nothing(line: str) -> None:
    hall = play(BEGIN)
    before = hall.conversation
    checks = "no task, no reopened, no opened, @groen"
    play(f"{line}, {checks}" if "->" in line else f"{line} -> {checks}", hall)
    after = hall.conversation
    assert (after.id, after.closed_at) == (before.id, before.closed_at)
    assert hall.last.sequence == before.sequence + 1
    assert hall.last.window_until == hall.now + timedelta(hours=24)
    play("+20d", hall)


@pytest.mark.parametrize("words", ["bedankt", "ok"])
def test_thanks_after_a_day_begin_a_conversation_when_nobody_answered(words: str) -> None:
    hall = play("mijn container; /close -> afgesloten")
    hall.reaches(hall.now + THANKS_PERIOD)
    play(f"{words} -> no opened\n +1s {words} -> opened, provisional", hall)


def test_reopened_conversation_has_no_answer_and_is_counted() -> None:
    hall = play(f"{BEGIN} +13d [audio] -> spraakbericht, reopened\n bezwaar -> @groen")
    assert hall.conversation.closed_at is None
    assert (hall.state.answered_at, hall.state.reopened) == (None, 1)
    assert timedelta(days=14) == REOPEN_PERIOD


def test_label_alone_is_no_other_subject() -> None:
    play(f"{BEGIN} +13d bezwaar -> officieel, reopened, @groen, #afval")


def test_closed_conversation_is_unchanged_when_another_begins() -> None:
    hall = play(BEGIN)
    before = hall.conversation
    play("+1d mijn paspoort -> opened", hall)
    assert hall.router.conversations[before.id] == before


def test_labels_and_dates_do_not_go_to_the_next_conversation() -> None:
    hall = play(OFFICIAL)
    said = hall.after(days=2).hears("mijn paspoort")
    assert (said.tags, said.due, said.department) == ((), None, "burgerzaken")
    hall.orders("close")  # nothing official in it
    again = hall.after(days=20).hears("en de buren?")
    assert (again.tags, again.due) == ((), None)


def test_reopened_conversation_keeps_its_labels_but_no_date_that_was_met() -> None:
    hall = play(OFFICIAL)
    said = hall.after(days=2).hears("ik ben het er niet mee eens")
    assert (said.reopened, said.tags, said.due) == (True, ("officieel",), None)
    later = hall.after(days=1).hears("opnieuw bezwaar")
    assert later.due and (later.due - hall.now.date()).days == 42


RETURNING = [
    {"id": "nieuw", "words": ["vraag"], "states": ["new"], "department": "balie"},
    {"id": "terug", "words": ["vraag"], "states": ["reopened"], "department": "groen"},
    {"id": "weer", "tagged": ["officieel"], "words": ["vergunning"], "department": "teamleider"},
]


@pytest.mark.parametrize(
    ("begin", "days", "words", "rule", "department", "reopened"),
    [
        (OFFICIAL, 20, "mijn vraag over iets", "nieuw", "balie", False),
        (OFFICIAL, 2, "mijn vraag over iets", "afval", "groen", True),
        (OFFICIAL, 20, "mijn vergunning", "", "klantcontact", False),
        (BEGIN.replace("container", "paspoort"), 2, "mijn vraag", "nieuw", "balie", False),
    ],
)
def test_rules_tell_a_new_conversation_from_a_reopened_one(
    begin: str, days: int, words: str, rule: str, department: str, reopened: bool
) -> None:
    hall: Stadhuis = play(begin, given=config(rules=RETURNING))
    said = hall.after(days=days).hears(words)
    assert (said.rule, said.department, said.reopened) == (rule, department, reopened)
