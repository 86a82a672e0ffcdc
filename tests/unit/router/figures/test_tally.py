"""The figures that decisions add to a month, against days that were counted by hand."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from router.figures.tally import hour_of_week, rounded_minutes
from services.contract import Author
from tests.support.router.commands import MACHINE, SANNE
from tests.support.router.config_full import DESK
from tests.support.router.names import BERT
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import status

SYSTEM = Author(kind="system", id="crm")
WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 11, day) for day in (25, 26, 27))


def counted(hall: Stadhuis, *whats: str) -> dict[tuple[str, ...], int]:
    """Counts by kind, department and, if it is another than Wednesday, the day; of these kinds."""
    counts: Counter[tuple[str, ...]] = Counter()
    for figure in (each for _, _, changes in hall.done for each in changes.figures):
        assert (figure.tenant, figure.number) == ("hengelo", hall.number)
        day = () if figure.day == WEDNESDAY else (f"{figure.day:%d}",)
        value = (str(figure.value),) if figure.what.startswith("first_answer") else ()
        if not whats or figure.what in whats:
            counts[figure.what, figure.department, *value, *day] += 1
    return dict(counts)


def by_month(hall: Stadhuis) -> dict[tuple[str, str, int | str], int]:
    """Counts by kind, department, and hour of the week or rule."""
    counts: Counter[tuple[str, str, int | str]] = Counter()
    for figure in (each for _, _, changes in hall.done for each in changes.month_figures):
        assert (figure.tenant, figure.number) == ("hengelo", hall.number)
        assert figure.month == date(2026, 11, 1)
        key: int | str = figure.rule if figure.hour < 0 else figure.hour
        counts[figure.what, figure.department, key] += 1
    return dict(counts)


def test_day_of_two_citizens() -> None:
    """Anna asks about a container and gets an answer after 25 minutes, and a second one later. Bert
    is given to another department, answered there after two hours and seven minutes, and closed.
    """
    hall = Stadhuis("2026-11-25 13:00")
    hall.hears("Mijn container is niet geleegd")
    anna = hall.id
    hall.after(minutes=25).orders("text")
    hall.after(minutes=1).hears("Waar moet hij dan staan?")
    hall.after(minutes=3).orders("text")
    hall.hears("Waar haal ik een paspoort?", who=BERT)
    hall.orders("transfer", to_department="balie")
    hall.orders("transfer", to_department="balie", employee="sanne")  # within the department
    hall.after(hours=2, minutes=7).orders("text")
    hall.orders("close", outcome="answered")
    hall.orders("close", outcome="answered")  # it is closed already
    hall.id = anna
    hall.orders("close")
    sent = {what: n for what, n in counted(hall).items() if what[0] == "sent_automated"}
    texts = Counter(d.reply.name for _, d, _ in hall.done if d.reply)
    assert sum(sent.values()) == sum(texts.values()) > 0
    assert {what: n for what, n in counted(hall).items() if what not in sent} == {
        ("opened", "groen"): 1,
        ("opened", "burgerzaken"): 1,
        ("received", "groen"): 2,
        ("received", "burgerzaken"): 1,
        ("sent_employee", "groen"): 2,
        ("sent_employee", "balie"): 1,
        ("first_answer", "groen", "25"): 1,
        ("first_answer", "balie", "125"): 1,
        ("first_answer_open", "groen", "25"): 1,
        ("first_answer_open", "balie", "125"): 1,
        ("transferred", "burgerzaken"): 1,
        ("closed_answered", "balie"): 1,
        ("closed_unsaid", "groen"): 1,
    }


def test_only_a_person_answers() -> None:
    hall = Stadhuis()
    hall.hears("Mijn container is niet geleegd")
    hall.after(minutes=5).orders("text", author=MACHINE)
    assert counted(hall, "first_answer", "sent_employee") == {}
    assert counted(hall, "sent_automated")[("sent_automated", "groen")] >= 1
    hall.after(minutes=5).orders("text")
    assert counted(hall, "first_answer") == {("first_answer", "groen", "10"): 1}


@pytest.mark.parametrize(
    ("hours", "author", "is_answer"),
    [(72, SANNE, True), (23, SANNE, False), (72, None, False), (72, MACHINE, False)],
)
def test_template_of_a_named_employee_answers_after_24_hours(
    hours: int, author: Author | None, is_answer: bool
) -> None:
    """Within them an employee would write; a system that names nobody sends reminders."""
    hall = Stadhuis()
    hall.hears("Mijn container is niet geleegd")
    hall.after(hours=hours).orders("template", author=author)
    first = {("first_answer", "groen", str(hours * 60), "28"): 1}
    assert counted(hall, "first_answer") == (first if is_answer else {})
    assert (hall.state.waiting_since is None) == is_answer


def test_command_of_a_test_token_is_not_counted() -> None:
    hall = Stadhuis()
    hall.hears("Mijn container is niet geleegd")
    before = counted(hall)
    hall.orders("text", test=True)
    hall.orders("transfer", to_department="balie", test=True)
    assert counted(hall) == before


def test_repeat_is_counted_once_and_a_reaction_never() -> None:
    hall = Stadhuis()
    hall.hears("Mijn container is niet geleegd")
    hall.repeats()
    hall.hears(type="reaction", content={"message_id": "wamid.1", "emoji": "👍"})
    assert counted(hall, "received") == {("received", "groen"): 1}


def test_24_hours_without_an_answer_count_once_on_the_day_on_which_they_ended() -> None:
    hall = Stadhuis("2026-11-25 22:30")
    hall.hears("Mijn container is niet geleegd")
    hall.after(hours=25)  # on Thursday, just before midnight
    assert counted(hall, "window_missed") == {}
    hall.after(hours=1).hears("Hallo?")
    missed = {("window_missed", "groen", "26"): 1}
    assert counted(hall, "window_missed") == missed
    hall.after(hours=1).orders("text")
    assert counted(hall, "window_missed") == missed
    assert counted(hall, "first_answer") == {("first_answer", "groen", str(27 * 60), "27"): 1}


@pytest.mark.parametrize("ending", ["text", "close"])
def test_end_of_a_wait_after_24_hours_tells_of_them(ending: str) -> None:
    hall = Stadhuis("2026-11-25 13:00")
    hall.hears("Mijn container is niet geleegd")
    hall.after(hours=30).orders(ending)
    assert counted(hall, "window_missed") == {("window_missed", "groen", "26"): 1}


def test_answer_in_time_misses_nothing() -> None:
    hall = Stadhuis("2026-11-25 13:00")
    hall.hears("Mijn container is niet geleegd")
    hall.after(hours=23).orders("text")
    hall.after(hours=30).hears("Dank u wel")
    assert counted(hall, "window_missed") == {}


def test_conversation_that_goes_on_waits_for_a_first_answer_again() -> None:
    hall = Stadhuis("2026-11-25 13:00")
    hall.hears("Mijn container is niet geleegd")
    hall.after(minutes=4).orders("text")
    hall.orders("close", outcome="handled")
    hall.after(hours=1).hears("De container is nog steeds niet geleegd")
    assert counted(hall, "reopened", "opened") == {
        ("opened", "groen"): 1,
        ("reopened", "groen"): 1,
    }
    hall.after(minutes=6).orders("text")
    assert counted(hall, "first_answer") == {
        ("first_answer", "groen", "4"): 1,
        ("first_answer", "groen", "6"): 1,
    }


def test_conversation_that_nobody_writes_in_ends_by_itself() -> None:
    hall = Stadhuis("2026-11-25 13:00")
    hall.hears("Mijn container is niet geleegd")
    hall.after(minutes=4).orders("text")
    hall.after(days=40)
    assert [what[:2] for what in counted(hall, "closed_idle")] == [("closed_idle", "groen")]


def test_answer_that_did_not_arrive_counts_once() -> None:
    hall = Stadhuis()
    hall.hears("Mijn container is niet geleegd")
    message = hall.orders("text").message
    assert message
    for _ in range(2):
        failed = status("wamid.ours", "failed", opaque=f"{message}.1", code=131026)
        hall.brings("messages", {"statuses": [failed]})
    assert counted(hall, "undelivered") == {("undelivered", "groen"): 1}


@pytest.mark.parametrize(
    ("asked", "answered", "wait", "of_opening"),
    [
        ("2026-11-25 16:50", "2026-11-26 09:20", "990", "30"),  # Wednesday to Thursday
        ("2026-11-27 16:50", "2026-11-30 09:20", "3840", "30"),  # over a weekend
        ("2026-12-24 16:50", "2026-12-28 09:20", "5280", "30"),  # over Christmas, which is closed
        ("2026-11-25 07:00", "2026-11-25 08:00", "60", "0"),  # before it opens
    ],
)
def test_first_answer_counts_in_opening_hours_beside_the_clock(
    asked: str, answered: str, wait: str, of_opening: str
) -> None:
    """The desk is open on working days from nine to five."""
    hall = Stadhuis(asked, number=DESK)
    hall.hears("Wat een mooi weer")
    hall.orders("transfer", to_department="balie", employee="sanne")
    hall.until(answered).orders("text")
    day = () if answered.startswith(f"{WEDNESDAY}") else (answered[8:10],)
    assert counted(hall, "first_answer", "first_answer_open") == {
        ("first_answer", "balie", wait, *day): 1,
        ("first_answer_open", "balie", of_opening, *day): 1,
    }


@pytest.mark.parametrize(("before", "count"), [(None, 1), (SANNE, 0), (MACHINE, 0), (SYSTEM, 0)])
def test_closing_counts_as_without_a_message_if_nothing_but_automatic_texts_went(
    before: Author | None, count: int
) -> None:
    hall = Stadhuis()
    hall.hears("Mijn container is niet geleegd")
    if before:
        hall.orders("text", author=before)
    hall.orders("close", outcome="handled")
    assert counted(hall, "without_message") == ({("without_message", "groen"): 1} if count else {})


def test_reaction_is_no_message_and_neither_is_what_went_before_it_was_opened_again() -> None:
    hall = Stadhuis()
    hall.hears("Mijn container is niet geleegd")
    hall.orders("text")
    hall.orders("close", outcome="answered")
    hall.after(hours=1).hears("De container is nog steeds niet geleegd")
    heard = hall.done[-1][1].message
    hall.orders("reaction", reply_to_message=heard)
    hall.orders("close", outcome="handled")
    assert counted(hall, "without_message") == {("without_message", "groen"): 1}


def test_danger_counts_by_its_class_once_an_hour() -> None:
    hall = Stadhuis()
    hall.hears("Ik wil dood")
    hall.after(minutes=5).hears("Ik wil dood")
    hall.after(minutes=5).hears("Er is een gaslek")
    hall.after(hours=3).hears("Er is een gaslek")
    dangers = {what: n for what, n in counted(hall).items() if what[0].startswith("care_")}
    assert dangers == {("care_suicide", "zorg"): 1, ("care_emergency", "zorg"): 2}


def test_wait_is_rounded_down_in_steps_that_grow() -> None:
    minutes = [0, 0.9, 1, 119, 120, 121, 126, 1439, 1440, 1441, 1511, 10**6]
    rounded = [rounded_minutes(timedelta(minutes=each)) for each in minutes]
    assert rounded == [0, 0, 1, 119, 120, 120, 125, 1435, 1440, 1440, 1500, 43200]
    assert rounded_minutes(timedelta(seconds=-5)) == 0


def test_hour_of_the_week_is_that_of_the_clock_in_the_netherlands() -> None:
    assert hour_of_week(datetime(2026, 11, 22, 22, 59, tzinfo=UTC)) == 167  # Sunday 23:59
    assert hour_of_week(datetime(2026, 11, 22, 23, tzinfo=UTC)) == 0
    assert hour_of_week(datetime(2026, 7, 1, 11, 30, tzinfo=UTC)) == 2 * 24 + 13


def test_placement_counts_by_its_rule_and_its_first_correction_too() -> None:
    hall = Stadhuis("2026-11-25 13:00")
    hall.hears("Mijn container is niet geleegd")
    rule = hall.conversation.rule
    assert rule
    hall.after(hours=1).hears("Waar moet hij dan staan?")
    hall.orders("transfer", to_department="balie")
    hall.orders("transfer", to_department="burgerzaken")
    hall.orders("text")
    assert by_month(hall) == {
        ("opened", "groen", 61): 1,
        ("received", "groen", 61): 1,
        ("received", "groen", 62): 1,
        ("placed", "groen", rule): 1,
    }
    judged = [each for _, _, changes in hall.done for each in changes.rule_figures]
    assert [(each.what, each.department, each.rule) for each in judged] == [
        ("corrected", "groen", rule)
    ]


def test_greeting_is_placed_with_the_words_that_follow_it() -> None:
    hall = Stadhuis("2026-11-25 13:00")
    hall.hears("hallo")
    placed = {key for key in by_month(hall) if key[0] == "placed"}
    assert placed == set()
    hall.hears("Mijn container is niet geleegd")
    assert {key: n for key, n in by_month(hall).items() if key[0] == "placed"} == {
        ("placed", "groen", hall.conversation.rule): 1
    }


def test_conversation_that_a_person_began_or_moved_is_placed_by_no_rule() -> None:
    hall = Stadhuis("2026-11-25 13:00")
    hall.hears("Wat een mooi weer")
    assert ("placed", hall.conversation.department, "") in by_month(hall)
    hall.orders("transfer", to_department="balie", test=True)
    assert not [each for _, _, changes in hall.done for each in changes.rule_figures]
