"""Reports in Signalen over real HTTP: one for each burst, wherever it is interrupted."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from deliverer.crm.response_policy import Verdict
from deliverer.destinations.signalen import saga
from services.contract import Delivery
from services.postgres.database import Pool
from tests.support.integration.destination_harness import NOON
from tests.support.openklant.link import FailingSender, Link, ProcessEnded
from tests.support.signalen.street import (
    BROKEN_LAMP,
    DAM,
    PICTURE,
    REAL,
    TALK,
    TOKEN,
    Street,
    needs_stand_in,
    run_street,
)

PIN, TOWN_HALL = [DAM["longitude"], DAM["latitude"]], [6.66, 52.35]
UNKNOWN = "Plaats niet opgegeven: de speld staat op een vaste plek."
MOVED = "De melder stuurde de plaats. De speld staat nu daar."


@pytest.fixture
async def street(pool: Pool) -> AsyncIterator[Street]:
    async with run_street(pool) as running:
        yield running


def evening(street: Street) -> list[Delivery]:
    """Return what a citizen sends in ten minutes: the photograph and the place first."""
    first, its_file = street.photograph(0)
    place, words = street.place(2), street.message(BROKEN_LAMP, 4, task=True)
    more, (second, other_file) = street.message("Bij nummer 12", 6), street.photograph(8)
    corrected = street.place(10, latitude=52.4)
    return [first, its_file, place, words, more, second, other_file, corrected]


def end(delivery: Delivery) -> str:
    """Return the end of the id of its message, as an outline has it."""
    return str(delivery.message)[28:]


async def test_a_burst_is_one_report_with_its_place_and_photographs(street: Street) -> None:
    deliveries = evening(street)
    street.archive.misses = 1  # the words come there a moment after their event
    async with street.whole() as (receiver, tasks):
        await street.deliver(receiver, *deliveries)
        assert tasks == []
    [report], [outline] = await street.reports(), await street.outline()
    assert outline["text"] == BROKEN_LAMP
    assert outline["coordinates"] == [DAM["longitude"], 52.4]
    assert outline["files"] == [
        f"whatsapp-{end(each)}.png" for each in (deliveries[0], deliveries[5])
    ]
    assert outline["notes"] == [
        "Melder via WhatsApp, woensdag 25 november om 13.10 uur:\n"
        f"{MOVED}\n[bericht {end(deliveries[7])}]",
        "Melder via WhatsApp, woensdag 25 november om 13.06 uur:\n"
        f"Bij nummer 12\n[bericht {end(deliveries[4])}]",
    ]
    assert report["source"] == street.destination.source
    assert datetime.fromisoformat(report["incident_date_start"]) == NOON
    category, reporter = report["category"], report["reporter"]
    assert (category["main_slug"], category["sub_slug"]) == ("overig", "overig")
    assert (reporter.get("phone", ""), reporter["sharing_allowed"]) == ("", False)
    if not REAL:
        assert [content for _, content in street.signalen.files[1]] == [PICTURE, PICTURE]


@pytest.mark.parametrize("answered", [False, True], ids=["before a request", "after its answer"])
async def test_an_interrupted_saga_ends_with_one_report(street: Street, answered: bool) -> None:
    whole = Link(street)
    await street.deliver_all(evening(street), whole)
    expected = await street.outline()
    assert len(whole.requests) == 8 and len(expected) == 1
    for nth, request in enumerate(whole.requests, start=1):
        await street.clear()
        link = Link(street, nth, answered=answered)
        await street.deliver_all(evening(street), link)
        assert await street.outline() == expected, request[:2]


@pytest.mark.parametrize("carried_out", [False, True], ids=["not carried out", "carried out"])
async def test_a_500_at_any_request_makes_no_second_report(
    street: Street, carried_out: bool
) -> None:
    whole = Link(street)
    await street.deliver_all(evening(street), whole)
    expected = await street.outline()
    for nth, request in enumerate(whole.requests, start=1):
        await street.clear()
        link = FailingSender(street, nth, carried_out=carried_out)
        await street.deliver_all(evening(street), link)
        assert await street.outline() == expected, request[:2]


async def test_messages_that_wait_behind_their_report_are_in_it_at_once(street: Street) -> None:
    receiver, words = street.deliverer(), evening(street)
    street.archive.until = words[-1].time
    await street.deliver(receiver, *words)
    [report] = await street.outline()
    assert report["text"] == f"{BROKEN_LAMP}\nBij nummer 12"
    assert (len(report["files"]), report["coordinates"][1]) == (2, 52.4)
    assert report["notes"] == []


@needs_stand_in
async def test_a_lost_post_is_found_again_and_one_that_never_came_is_made_after_two_minutes(
    street: Street,
) -> None:
    receiver, words = street.deliverer(), street.message(BROKEN_LAMP, task=True)
    street.fail("reset", method="POST")
    assert (await street.attempt(receiver, words)).failure == "reset"
    waits = await street.attempt(receiver, words)
    assert (waits.code, await street.reports()) == ("unsettled", [])
    assert receiver.judge(waits).may_be_message
    await street.settle_posts()
    street.fail("lost", method="POST")
    assert (await street.attempt(receiver, words)).failure == "reset"
    await street.deliver(receiver, words, words)
    assert len(await street.reports()) == 1


@needs_stand_in
@pytest.mark.parametrize("mode", ["lost", "reset"])
async def test_messages_after_a_post_without_an_answer_are_added_once(
    street: Street, mode: str
) -> None:
    receiver = street.deliverer()
    street.message("Hallo")
    words = street.message(BROKEN_LAMP, 1, task=True)
    street.fail(mode, method="POST")
    assert (await street.attempt(receiver, words)).failure == "reset"
    more, (photograph, its_file) = street.message("Bij nummer 12", 2), street.photograph(3)
    place, last = street.place(4), street.message("Op de hoek", 5)
    street.archive.until = place.time
    await street.settle_posts()
    await street.deliver(receiver, words, more, photograph, its_file, place, last)
    [report] = await street.outline()
    assert report["text"] == f"Hallo\n{BROKEN_LAMP}\n\n{UNKNOWN}"
    assert [note.split("\n")[1] for note in report["notes"]] == [
        "Op de hoek", MOVED, "Bij nummer 12",
    ]  # fmt: skip
    assert (report["coordinates"], len(report["files"])) == (PIN, 1)


@needs_stand_in
async def test_a_note_without_an_answer_is_not_added_again_after_another(street: Street) -> None:
    receiver = street.deliverer()
    await street.deliver(receiver, street.message(BROKEN_LAMP, task=True))
    lost, other = street.message("Bij nummer 12", 1), street.message("Op de hoek", 2)
    street.fail("lost", method="PATCH")
    assert (await street.attempt(receiver, lost)).failure == "reset"
    await street.deliver(receiver, other, lost)  # the first was parked, and is replayed
    assert len((await street.outline())[0]["notes"]) == 2


@needs_stand_in
async def test_a_lost_report_whose_place_was_refused_lets_the_next_move_its_pin(
    street: Street,
) -> None:
    receiver = street.deliverer()
    street.place(0, latitude=48.85, longitude=2.35)
    words = street.message(BROKEN_LAMP, 1, task=True)
    link = Link(street, 3, answered=True)  # the archive, the refused post, the second post
    with pytest.raises(ProcessEnded):
        await street.attempt(street.deliverer(link), words)
    await street.deliver(receiver, words, street.message("Nee, hier", 2, task=True))
    await street.deliver(receiver, street.place(3))
    assert (await street.outline())[0]["coordinates"] == PIN


async def test_a_report_without_a_place_says_so_until_the_citizen_sends_one(street: Street) -> None:
    receiver = street.deliverer()
    await street.deliver(receiver, street.message(BROKEN_LAMP, task=True))
    [report] = await street.outline()
    assert (report["text"], report["coordinates"]) == (f"{BROKEN_LAMP}\n\n{UNKNOWN}", TOWN_HALL)
    await street.deliver(receiver, street.place(59))
    assert (await street.outline())[0]["coordinates"] == PIN


async def test_a_place_that_signalen_does_not_take_is_in_the_words(street: Street) -> None:
    receiver, refused = street.deliverer(), "Plaats volgens de melder: 48.85000, 2.35000 (buiten"
    paris = {"latitude": 48.85, "longitude": 2.35}
    await street.deliver(
        receiver, street.place(0, **paris), street.message(BROKEN_LAMP, 1, task=True)
    )
    await street.deliver(receiver, street.place(2, **paris))
    [report] = await street.outline()
    assert report["coordinates"] == TOWN_HALL
    assert refused in report["text"] and refused in report["notes"][0]


async def test_a_place_after_other_words_moves_no_pin_that_is_where_the_citizen_said(
    street: Street,
) -> None:
    receiver = street.deliverer()
    await street.deliver(
        receiver,
        street.message(BROKEN_LAMP, task=True),
        street.place(1, latitude=52.1),
        street.place(2),  # corrects it
        street.message("Nog iets anders: in het park ligt een dode zwaan", 3, task=True),
        street.place(4, latitude=52.4),
    )
    [report] = await street.outline()
    assert report["coordinates"] == PIN
    assert "nog een plaats: 52.40000, 4.89271. De speld is niet verzet" in report["notes"][0]
    assert [MOVED in note for note in report["notes"]] == [False, False, True, True]


async def test_a_pin_whose_place_signalen_did_not_take_is_moved_by_the_next(street: Street) -> None:
    receiver, paris = street.deliverer(), {"latitude": 48.85, "longitude": 2.35}
    await street.deliver(
        receiver, street.place(0, **paris), street.message(BROKEN_LAMP, 1, task=True)
    )
    wrong, words = street.place(2, **paris), street.message("Nee, hier", 3, task=True)
    await street.deliver(receiver, wrong, words, street.place(4))
    assert (await street.outline())[0]["coordinates"] == PIN


async def test_message_of_an_hour_later_begins_another_report(street: Street) -> None:
    receiver = street.deliverer()
    await street.deliver(receiver, street.message(BROKEN_LAMP, task=True))
    await street.deliver(
        receiver, street.message("dank u", 61), street.message("Gat in de weg", 62, task=True)
    )
    assert [each["text"].partition("\n")[0] for each in await street.outline()] == [
        BROKEN_LAMP, "dank u",
    ]  # fmt: skip
    first, later = await street.reports()
    named = f"Eerdere melding uit hetzelfde WhatsApp-gesprek: nummer {first['id']}."
    assert named in later["text"] and named not in first["text"]


async def test_a_file_that_signalen_does_not_take_is_named(street: Street) -> None:
    receiver = street.deliverer()
    await street.deliver(receiver, street.message(BROKEN_LAMP, task=True))
    film, its_file = street.photograph(1, mime="video/mp4")
    false, its_content = street.photograph(2, content=b"no photograph")
    gone, its_end = street.photograph(3)
    street.archive.files.clear()
    street.archive.files[str(false.message)] = b"no photograph"
    await street.deliver(receiver, film, its_file, false, its_content, gone, its_end)
    [report] = await street.outline()
    assert report["files"] == []
    for sent in (film, false, gone):
        notes = [note for note in report["notes"] if f"[bestand {end(sent)}]" in note]
        assert len(notes) == 1 and f"/v1/media/{end(sent)}" in notes[0]


async def test_a_conversation_given_by_a_colleague_takes_along_what_was_written(
    street: Street,
) -> None:
    receiver = street.deliverer()
    street.message("Hallo", 0)
    street.place(1)
    street.photograph(2)
    street.message("Mijn nummer is 123456782", 3)
    street.archive.messages[-1]["sensitive"] = ["bsn"]
    await street.deliver(receiver, street.transfer(4, to="balie"), street.transfer(5))
    [report] = await street.outline()
    assert (report["coordinates"], len(report["files"])) == (PIN, 1)
    assert report["text"].startswith("Hallo\n[tekst] staat in het archief van de postkamer: ")
    assert "123456782" not in report["text"]
    street.message("Het is nog niet gemaakt", 300)  # while the counter has it again
    await street.deliver(receiver, street.transfer(310))
    [report] = await street.outline()
    assert "Het is nog niet gemaakt" in report["notes"][0]


async def test_a_conversation_of_a_confidential_department_is_a_report_without_words(
    street: Street,
) -> None:
    given = street.event("conversation-transferred", 0, {}, dataref=f"/v1/conversations/{TALK}")
    by_rule = street.event("conversation-transferred", 0, {})  # its message comes next
    await street.deliver(street.deliverer(), by_rule)
    assert await street.reports() == []
    await street.deliver(street.deliverer(), given)
    [report] = await street.outline()
    assert report["text"] == f"Melding via WhatsApp, zonder tekst.\n\n{UNKNOWN}"


async def test_the_number_goes_along_only_where_the_municipality_says_so(street: Street) -> None:
    street.settings = {"reporter": "phone"}
    await street.deliver(street.deliverer(), street.message(BROKEN_LAMP, task=True))
    [report] = await street.reports()
    # A real one hides it from our account, which has not the right sia_can_view_contact_details.
    assert report["reporter"]["phone"] == ("*****" if REAL else "+31612345678")
    assert report["reporter"]["sharing_allowed"] is False


@pytest.mark.parametrize(
    ("settings", "blamed"),
    [
        ({"source": "Fax"}, "source"),
        ({"category": "overig/geen"}, "category"),
        ({"default_place": {"latitude": 1, "longitude": 1}}, "default_place"),
    ],
)
async def test_a_wrong_setting_pauses_the_destination_and_parks_nothing(
    street: Street, settings: dict[str, Any], blamed: str
) -> None:
    street.settings = settings
    receiver, words = street.deliverer(), street.message(BROKEN_LAMP, task=True)
    verdict = receiver.judge(await street.attempt(receiver, words))
    reason = f"Signalen refuses the {blamed} of this destination"
    assert verdict == Verdict("paused", reason, alarm=True)
    street.settings = {}
    await street.deliver(street.deliverer(), words)


async def test_an_archive_that_is_behind_or_refuses_us_parks_nothing(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saga, "ARCHIVE_WAITS", (0.01,))
    street.message("hallo")
    words, receiver = street.message(BROKEN_LAMP, 1, task=True), street.deliverer()
    street.archive.misses = 2
    behind = receiver.judge(await street.attempt(receiver, words))
    assert (behind.outcome, behind.alarm) == ("paused", False)
    street.archive.token = "another"
    refused = receiver.judge(await street.attempt(receiver, words))
    assert (refused.outcome, refused.alarm) == ("paused", True)
    assert "archive" in refused.reason and await street.reports() == []
    street.archive.token = TOKEN
    await street.deliver(receiver, words)
    assert [each["text"] for each in await street.outline()] == [
        f"hallo\n{BROKEN_LAMP}\n\n{UNKNOWN}"
    ]


@needs_stand_in
async def test_a_report_that_is_gone_there_gets_a_successor(street: Street) -> None:
    receiver = street.deliverer()
    await street.deliver(receiver, street.message(BROKEN_LAMP, task=True))
    street.signalen.reports.clear()
    first, its_file = street.photograph(1)
    await street.deliver(receiver, first, its_file)  # it is no work, so nothing is made of it alone
    assert await street.reports() == []
    await street.deliver(receiver, street.message("Het is bij nummer 12", 2, task=True))
    [report] = await street.outline()
    assert report["text"].startswith("Het is bij nummer 12")


async def test_a_row_that_a_hand_made_gets_nothing(street: Street) -> None:
    receiver = street.deliverer()
    await street.deliver(receiver, street.message(BROKEN_LAMP, task=True))
    await street.pool.execute("update deliverer.report set signal = 7")
    answer = await street.attempt(receiver, street.message("Bij nummer 12", 1))
    assert receiver.judge(answer).outcome == "parked"
    assert (await street.outline())[0]["notes"] == []


async def test_a_destroyed_conversation_leaves_no_row(street: Street) -> None:
    await street.deliver(street.deliverer(), street.message(BROKEN_LAMP, task=True))
    await street.pool.execute("select deliverer.forget('almelo', array[$1])", TALK)
    assert await street.pool.fetchval("select count(*) from deliverer.report") == 0
