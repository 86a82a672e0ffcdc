"""What a message is marked with beside its department: numbers that should not be there, what is
official and by when, labels of people, STOP and START."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from router.conversation.refusals import MARKETING_MESSAGES, OFFICIAL, OUTCOME_NEEDED
from router.model.changes import Template
from router.output.crm_events import CLOSED
from router.text.pii import MARKS
from tests.support.router.config_full import BORNE, config
from tests.support.router.decisions import data, records_of
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import ANNA, stamp

BSN = "mijn bsn is 111222333"
IBAN = "NL91ABNA0417164300"


def test_a_bsn_is_warned_for_once_and_named_without_its_digits() -> None:
    hall = Stadhuis()
    said = hall.hears(f"mijn container, {BSN}")
    assert said.sensitive == ("bsn",)
    hall.after(minutes=5).hears(BSN)
    assert hall.heard == ["bsn"]
    assert said.mask == ()  # nobody asked for that here
    assert data(hall.told[0])["text"] == f"mijn container, {BSN}"


@pytest.mark.parametrize("words", [f"jeugdzorg, {BSN}", f"jeugdzorg. {BSN} en {IBAN}"])
def test_a_department_that_wants_no_bsn_gets_none_and_the_record_keeps_it(words: str) -> None:
    hall = Stadhuis()
    hall.hears(words)
    [event] = hall.told
    assert "111222333" not in event.data.decode() and ("NL91" in words) is (
        "NL91" in event.data.decode()
    )
    [record] = [
        r for r in records_of(hall.done) if r.kind == "message" and data(r)["direction"] == "in"
    ]
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
    hall.orders("transfer", to_department="zorg")
    hall.hears(BSN)
    assert "111222333" not in hall.told[-1].data.decode()
    hall.orders("transfer", to_department="groen")  # which needs to know whose it is
    hall.hears(BSN)
    assert "111222333" in hall.told[-1].data.decode()


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
def test_the_name_of_a_file_is_looked_at_as_words_are(
    filename: str, shown: str, kinds: tuple[str, ...]
) -> None:
    hall = Stadhuis()
    said = hall.hears(type="document", content=document(filename, "hier over jeugdzorg"))
    assert said.sensitive == kinds
    assert hall.heard == (["bsn"] if kinds else [])
    event = data(hall.told[-1])
    assert (event["media"][0]["filename"], event["sensitive"]) == (shown, list(kinds))
    [record] = [
        r for r in records_of(hall.done) if r.kind == "message" and data(r)["direction"] == "in"
    ]
    assert filename in record.raw.decode()


def test_a_number_in_words_and_in_the_name_of_a_file_is_named_once() -> None:
    hall = Stadhuis()
    both = document("111222333 en NL91ABNA0417164300.pdf", f"mijn container, {BSN}")
    assert hall.hears(type="document", content=both).sensitive == ("bsn", "iban")
    assert data(hall.told[0])["media"][0]["filename"] == both["filename"]  # nobody asked here


@pytest.mark.parametrize(("words", "shown"), [("jeugdzorg", "Jan [BSN]"), ("container", None)])
def test_a_number_in_somebodys_own_name_is_masked_where_words_are(
    words: str, shown: str | None
) -> None:
    hall = Stadhuis()
    named = "Jan 111222333"
    contacts = [{"profile": {"name": named}, "user_id": ANNA["bsuid"], "wa_id": ANNA["phone"]}]
    message = {"id": "wamid.n", "timestamp": stamp(0), "type": "text", "text": {"body": words}}
    message |= {"from_user_id": ANNA["bsuid"], "from": ANNA["phone"]}
    [said] = hall.brings("messages", {"messages": [message], "contacts": contacts})
    assert said.sensitive == ()  # it is no message of theirs that holds it
    assert data(hall.told[0])["from"]["name"] == (shown or named)


def test_official_letter_is_labelled_and_dated_once() -> None:
    hall = Stadhuis()
    said = hall.hears("ik maak bezwaar tegen de container")
    assert (said.tags, said.due) == ((OFFICIAL,), date(2027, 1, 6))
    assert said.department == "groen"  # beside where it goes
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
def test_the_day_of_receipt_is_the_one_in_the_netherlands(moment: str, due: date) -> None:
    assert Stadhuis(moment).hears("ik maak bezwaar").due == due


def test_official_conversation_closes_only_with_an_outcome() -> None:
    hall = Stadhuis()
    hall.hears("ik maak bezwaar")
    refused = hall.orders("close")
    assert (refused.kind, refused.reason) == ("refused", str(OUTCOME_NEEDED))
    assert hall.router.conversations[hall.id].closed_at is None
    assert hall.orders("close", outcome="handled").kind == "accepted"
    assert (hall.told[-1].type, data(hall.told[-1])["outcome"]) == (CLOSED, "handled")


def test_a_person_whom_the_municipality_knows_is_labelled_and_more_urgent() -> None:
    hall = Stadhuis()
    said = hall.hears("mijn container", who={"phone": "31655555555"})
    assert (said.tags, said.priority, said.department) == (("pers",), "high", "groen")
    other = hall.hears("mijn container", who={"phone": "31655555555"}, number=BORNE)
    assert other.tags == ()  # another municipality's list
    assert hall.hears("mijn container").tags == ()


def test_labels_gather_in_a_conversation() -> None:
    hall = Stadhuis()
    hall.hears("er is iets met de buren", who={"phone": "31655555555"})
    hall.taps("menu:keuze/afval", who={"phone": "31655555555"})
    said = hall.hears("ik maak bezwaar", who={"phone": "31655555555"})
    assert said.tags == ("pers", "afval", "officieel")


@pytest.mark.parametrize(("words", "value"), [("STOP", "stop"), ("start", "resume")])
@pytest.mark.parametrize("late", [0, 600])
def test_stop_and_start_are_written_down_whenever_they_come(
    words: str, value: str, late: int
) -> None:
    hall = Stadhuis()
    said = hall.hears(words, late=late)
    [choice] = hall.router.opt_outs.values()
    assert (choice.value, choice.category) == (value, MARKETING_MESSAGES)
    assert choice.at == datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert not said.task
    assert hall.heard == (["gestopt"] if value == "stop" and not late else [])


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("STOP", {}),
        ("stop", {}),
        ("Stop.", {}),
        ("", {"type": "button", "content": {"text": "Stop", "payload": "geen-reclame"}}),
    ],
)
def test_stop_makes_no_work_asks_nothing_and_is_answered_at_any_hour(
    words: str, more: dict[str, Any]
) -> None:
    hall = Stadhuis("2026-11-28 23:40")
    said = hall.hears(words, **more)
    assert (said.task, hall.heard, hall.state.waiting_since) == (False, ["gestopt"], None)
    hall.after(days=7)
    assert hall.happened == [] and hall.heard == []


@pytest.mark.parametrize(
    "words", ["stop met zeuren over mijn container", "de bus moet stoppen hier"]
)
def test_a_text_with_stop_in_it_is_a_text(words: str) -> None:
    hall = Stadhuis()
    assert hall.hears(words).task and hall.router.opt_outs == {}


def test_stop_is_answered_in_a_burst_and_in_a_menu_that_stays() -> None:
    hall = Stadhuis()
    hall.hears("er is iets met de buren")
    hall.after(seconds=5).hears("stop")
    assert hall.heard == ["keuze", "gestopt"] and hall.state.menu == "keuze"
    hall.after(seconds=5).hears("start")
    assert hall.heard == []
    assert hall.after(seconds=5).hears("2").department == "groen"


def test_a_machine_that_says_stop_for_ever_is_not_answered_for_ever() -> None:
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
    assert sent(hall, named) == "accepted"
    hall.hears("STOP")
    assert sent(hall, named) == "refused"
    hall.after(minutes=5).hears("start")
    assert sent(hall, named) == "accepted"


def sent(hall: Stadhuis, content: bytes) -> str:
    return hall.orders("template", conversation="", to="31611111111", content=content).kind
