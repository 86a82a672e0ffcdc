"""Annotations of a message: PII, official letters and their dates, labels of people, STOP."""

from datetime import UTC, date, datetime

import pytest

from router.conversation.refusals import MARKETING_MESSAGES, OFFICIAL, OUTCOME_NEEDED
from router.model.changes import Template
from services.contract import Record
from services.event_types import CLOSED
from services.language.personal_numbers import MARKS
from tests.support.router.config_full import BORNE, DISCREET, config
from tests.support.router.decisions import data, records_of
from tests.support.router.names import ANNA, stamp
from tests.support.router.script import PRESS, play
from tests.support.router.simulation import Stadhuis

BSN = "mijn bsn is 111222333"
IBAN = "NL91ABNA0417164300"
SCRIPTS = {
    "a BSN is warned for once": f"mijn container, {BSN} -> bsn\n +5m {BSN}",
    "stop is answered in a burst and in a menu that stays": """
        er is iets met de buren         -> keuze
        +5s stop                        -> gestopt
        +5s start
        +5s 2                           -> @groen""",
    "an official letter is not another subject": """
        ik maak bezwaar tegen de container -> officieel, @groen""",
} | {
    f"stop is no work, asks nothing and is answered at any hour: {words}": f"""
        = 2026-11-28 23:40
        {words}                         -> gestopt, no task
        +7d"""
    for words in ("STOP", "stop", "Stop.", "[button]")
}  # fmt: skip


def inbound_records(hall: Stadhuis) -> list[Record]:
    messages = [r for r in records_of(hall.done) if r.kind == "message"]
    return [r for r in messages if data(r)["direction"] == "in"]


def inbound_record(hall: Stadhuis) -> Record:
    [record] = inbound_records(hall)
    return record


@pytest.mark.parametrize("case", SCRIPTS)
def test_annotation(case: str) -> None:
    hall = play(SCRIPTS[case])
    assert "stop is no work" not in case or hall.state.waiting_since is None


def test_bsn_is_named_and_shown_where_nobody_asked_to_mask_it() -> None:
    hall = Stadhuis()
    said = hall.hears(f"mijn container, {BSN}")
    assert (said.sensitive, said.mask) == (("bsn",), ())
    assert data(hall.told[0])["text"] == f"mijn container, {BSN}"


@pytest.mark.parametrize("words", [f"jeugdzorg, {BSN}", f"jeugdzorg. {BSN} en {IBAN}"])
def test_masked_bsn_is_kept_in_the_archive(words: str) -> None:
    hall = Stadhuis()
    hall.hears(words)
    [event] = hall.told
    published = event.data.decode()
    assert "111222333" not in published and ("NL91" in words) is ("NL91" in published)
    record = inbound_record(hall)
    assert data(record)["text"] == words and "111222333" in record.raw.decode()


def test_masking_rule_masks_later_messages_of_every_type() -> None:
    masks = {"id": "geld", "words": ["rekening"], "mask": ["iban"]}
    hall = Stadhuis(given=config(rules=[masks]))
    hall.hears(f"mijn rekening {IBAN}")
    hall.hears(f"dus {IBAN}")
    hall.hears(f"zie foto {IBAN}", "image")
    hall.orders("transfer", to_department="groen", reason="zie boven")
    assert all(IBAN not in event.data.decode() for event in hall.told)
    assert len([event for event in hall.told if MARKS["iban"] in event.data.decode()]) == 3


def test_pii_is_masked_only_for_departments_that_ask_for_it() -> None:
    hall = Stadhuis()
    hall.hears("mijn container")
    for to, shown in (("zorg", False), ("groen", True)):  # groen needs to know whose it is
        hall.orders("transfer", to_department=to)
        hall.hears(BSN)
        assert ("111222333" in hall.told[-1].data.decode()) is shown


def document(filename: str, caption: str = "") -> dict[str, str]:
    return {"id": "media-1", "filename": filename, "caption": caption}


@pytest.mark.parametrize(
    ("filename", "shown", "kinds"),
    [
        ("BSN 111222333 Jansen.pdf", "BSN [BSN] Jansen.pdf", ("bsn",)),
        ("bsn_111_222_333.pdf", "bsn_[BSN].pdf", ("bsn",)),
        (f"afschrift {IBAN}.pdf", f"afschrift {IBAN}.pdf", ("iban",)),
        ("PXL_20261125_111222333.jpg", "PXL_20261125_111222333.jpg", ()),
        ("aanvraag.pdf", "aanvraag.pdf", ()),
    ],
)
def test_pii_in_the_name_of_a_file_is_found_and_masked(
    filename: str, shown: str, kinds: tuple[str, ...]
) -> None:
    hall = Stadhuis()
    said = hall.hears(type="document", content=document(filename, "hier over jeugdzorg"))
    assert said.sensitive == kinds
    assert hall.heard == (["bsn"] if kinds else [])
    event = data(hall.told[-1])
    assert (event["media"][0]["filename"], event["sensitive"]) == (shown, list(kinds))
    assert filename in inbound_record(hall).raw.decode()


def test_department_gets_a_harmless_name_and_the_record_keeps_that_of_the_citizen() -> None:
    hall = Stadhuis()
    hall.hears(type="document", content=document("../brief.pdf.exe", "hier over jeugdzorg"))
    assert data(hall.told[-1])["media"][0]["filename"] == "brief.pdf_exe"
    assert "../brief.pdf.exe" in inbound_record(hall).raw.decode()


def test_bsn_in_words_and_in_the_name_of_a_file_is_named_once() -> None:
    hall = Stadhuis()
    both = document("111222333 en NL91ABNA0417164300.pdf", f"mijn container, {BSN}")
    assert hall.hears(type="document", content=both).sensitive == ("bsn", "iban")
    assert data(hall.told[0])["media"][0]["filename"] == both["filename"]  # nobody asked here


@pytest.mark.parametrize(
    ("words", "shown"), [("jeugdzorg", "Jan [BSN]"), ("container", "Jan 111222333")]
)
def test_bsn_in_the_name_of_a_citizen_is_masked_where_words_are(words: str, shown: str) -> None:
    hall = Stadhuis()
    profile = {"name": "Jan 111222333"}
    contacts = [{"profile": profile, "user_id": ANNA["bsuid"], "wa_id": ANNA["phone"]}]
    message = {"id": "wamid.n", "timestamp": stamp(0), "type": "text", "text": {"body": words}}
    message |= {"from_user_id": ANNA["bsuid"], "from": ANNA["phone"]}
    [said] = hall.brings("messages", {"messages": [message], "contacts": contacts})
    assert said.sensitive == ()  # it is no message of theirs that holds it
    assert data(hall.told[0])["from"]["name"] == shown


def test_official_letter_is_labelled_and_dated_once() -> None:
    hall = Stadhuis()
    said = hall.hears("ik maak bezwaar tegen de container")
    assert (said.tags, said.due) == ((OFFICIAL,), date(2027, 1, 6))
    later = hall.after(days=3).hears("over mijn bezwaar")
    assert later.due == date(2027, 1, 6)  # the earliest of them
    assert hall.heard == ["officieel", "duurt_langer"]
    assert data(hall.told[0])["due"] == "2027-01-06"


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-11-25 23:59", date(2027, 1, 6)),
        ("2026-11-26 00:00", date(2027, 1, 7)),
        ("2026-10-25 02:30", date(2026, 12, 6)),  # an hour that comes twice
    ],
)
def test_official_date_counts_from_the_day_in_the_netherlands(moment: str, due: date) -> None:
    assert Stadhuis(moment).hears("ik maak bezwaar").due == due


def test_official_conversation_closes_only_with_an_outcome() -> None:
    hall = play("ik maak bezwaar -> officieel")
    refused = hall.orders("close")
    assert (refused.kind, refused.reason) == ("refused", str(OUTCOME_NEEDED))
    assert hall.conversation.closed_at is None
    assert hall.orders("close", outcome="handled").kind == "accepted"
    assert (hall.told[-1].type, data(hall.told[-1])["outcome"]) == (CLOSED, "handled")
    assert data(hall.told[-1])["transcript"] == f"/v1/conversations/{hall.id}/transcript"


def test_citizen_whom_the_municipality_knows_is_labelled_and_more_urgent() -> None:
    hall = Stadhuis()
    said = hall.hears("mijn container", who=PRESS)
    assert (said.tags, said.priority, said.department) == (("pers",), "high", "groen")
    other = hall.hears("mijn container", who=PRESS, number=BORNE)
    assert other.tags == ()  # another municipality's list
    assert hall.hears("mijn container").tags == ()


def test_labels_gather_in_a_conversation() -> None:
    hall = Stadhuis()
    hall.hears("er is iets met de buren", who=PRESS)
    hall.taps("menu:keuze/afval", who=PRESS)
    assert hall.hears("ik maak bezwaar", who=PRESS).tags == ("pers", "afval", "officieel")


@pytest.mark.parametrize(("words", "value"), [("STOP", "stop"), ("start", "resume")])
@pytest.mark.parametrize("late", [0, 600])
def test_stop_and_start_are_stored_whenever_they_come(words: str, value: str, late: int) -> None:
    hall = Stadhuis()
    said = hall.hears(words, late=late)
    [choice] = hall.router.opt_outs.values()
    assert (choice.value, choice.category) == (value, MARKETING_MESSAGES)
    assert choice.at == datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert not said.task
    assert hall.heard == (["gestopt"] if value == "stop" and not late else [])


@pytest.mark.parametrize(
    "words", ["stop met zeuren over mijn container", "de bus moet stoppen hier"]
)
def test_text_with_stop_in_it_is_a_text(words: str) -> None:
    hall = Stadhuis()
    assert hall.hears(words).task and hall.router.opt_outs == {}


def test_machine_that_says_stop_for_ever_is_not_answered_for_ever() -> None:
    hall = Stadhuis()
    for _ in range(100):
        hall.after(seconds=20).hears("stop")
    assert hall.heard == ["gestopt"] * 5


def test_marketing_stays_blocked_until_the_citizen_sends_start() -> None:
    given = {"id": "30000009", "tenant": "hengelo", "fallback": "groen", "waba": "102290129340398"}
    hall = Stadhuis(given=config(numbers=[given]), number="30000009")
    hall.router.templates[given["waba"], "folder", "nl"] = Template(
        waba=given["waba"], name="folder", language="nl", category="MARKETING", changed_at=hall.now
    )
    named = b'{"type":"template","template":{"name":"folder","language":{"code":"nl"}}}'
    for words, kind in (("hoi", "accepted"), ("STOP", "refused"), ("start", "accepted")):
        hall.after(minutes=5).hears(words)
        sent = hall.orders("template", conversation="", to="31611111111", content=named)
        assert sent.kind == kind


def also_about(hall: Stadhuis) -> list[str]:
    """Other subjects, as the event of the last message has them."""
    return list(data(hall.told[-1]).get("alsoAbout", []))


def test_second_subject_is_told_with_the_message_and_goes_on_the_record() -> None:
    hall = Stadhuis()
    said = hall.hears("Mijn container is vol. En waar haal ik mijn paspoort?")
    assert said.department == "groen"
    assert also_about(hall) == ["burgerzaken"]
    assert data(inbound_record(hall))["alsoAbout"] == ["burgerzaken"]
    assert hall.hears("en dank u wel").department == "groen"
    assert also_about(hall) == ["burgerzaken"]


def test_later_message_about_something_else_stays_and_is_named() -> None:
    hall = Stadhuis()
    hall.hears("mijn container is vol")
    assert also_about(hall) == []
    assert hall.hears("waar haal ik mijn paspoort").department == "groen"
    assert also_about(hall) == ["burgerzaken"]
    hall.hears("mijn container is nog steeds vol")
    assert also_about(hall) == ["burgerzaken"]


def test_subject_is_no_other_one_once_it_is_passed_on() -> None:
    hall = Stadhuis()
    hall.hears("Mijn container is vol. Waar haal ik mijn paspoort?")
    hall.orders("transfer", to_department="burgerzaken", reason="paspoort")
    assert also_about(hall) == []


def test_subject_that_was_passed_on_stays_gone_until_the_citizen_asks_again() -> None:
    hall = Stadhuis()
    hall.hears("Mijn container is vol. En waar haal ik mijn paspoort?")
    assert also_about(hall) == ["burgerzaken"]
    for to in ("burgerzaken", "groen"):
        hall.orders("transfer", to_department=to, reason="paspoort")
        assert also_about(hall) == []
    hall.hears("en waar haal ik het paspoort van mijn zoon")
    assert also_about(hall) == ["burgerzaken"]


def test_open_subjects_stay_when_there_are_more_than_are_remembered() -> None:
    parking = {"id": "parkeren", "words": ["parkeren"], "department": "meldkamer"}
    renting = {"id": "huur", "words": ["huurhuis"], "department": "balie"}
    passing = {"id": "avond", "words": ["avondloket"], "department": "avond"}
    hall = Stadhuis(given=config(rules=[parking, renting, passing]))
    for words in ("mijn container", "mijn paspoort", "parkeren", "een huurhuis", "het avondloket"):
        hall.hears(words)
    assert also_about(hall) == ["burgerzaken", "meldkamer", "balie"]


def test_subjects_end_with_the_conversation() -> None:
    hall = Stadhuis()
    hall.hears("Mijn container is vol. Waar haal ik mijn paspoort?")
    hall.orders("close", outcome="handled")
    hall.hears("mijn container is weer vol")
    assert data(hall.told[-1])["reopened"] and also_about(hall) == []


def test_department_for_the_rest_and_a_confidential_one_are_not_named() -> None:
    hall = Stadhuis(given=DISCREET)
    hall.hears("Mijn container is vol. Ik heb een vraag over jeugdzorg. En over mijn garage.")
    assert also_about(hall) == []
    hall.hears("jeugdzorg. mijn paspoort.")
    assert also_about(hall) == ["burgerzaken"]


def test_subjects_and_reasons_of_a_confidential_department_stay_with_it() -> None:
    hall = Stadhuis(given=DISCREET)
    hall.hears("Ik zoek jeugdzorg, en ik sla jullie.")
    assert hall.hears("Mijn container is vol.").department == "zorg"
    assert hall.state.also_about == ("groen",)
    assert set(data(hall.told[-1])) & {"alsoAbout", "priorityReason", "priority"} == set()
    hall.orders("transfer", to_department="burgerzaken", reason="reden")
    hall.hears("mijn paspoort is kwijt")
    told = data(hall.told[-1])
    assert told["priority"] == "urgent" and not told.keys() & {"alsoAbout", "priorityReason"}


def test_reason_of_the_priority_is_that_of_what_raised_it() -> None:
    hall = Stadhuis()
    hall.hears("mijn container", who=PRESS)
    first = data(hall.told[-1])
    assert first["priority"] == "high" and "pers" in first["priorityReason"]
    hall.hears("ik sla jullie", who=PRESS)
    urgent = data(hall.told[-1])
    assert (urgent["priority"], urgent["priorityReason"]) == (
        "urgent",
        '"ik sla jullie" staat erin (zorgregel dreiging)',
    )
    hall.hears("mijn container", who=PRESS)
    assert data(hall.told[-1])["priorityReason"] == urgent["priorityReason"]
    assert data(inbound_records(hall)[-1])["priorityReason"] == urgent["priorityReason"]
