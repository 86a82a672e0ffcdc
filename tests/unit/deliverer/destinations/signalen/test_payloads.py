"""Reports, notes and files within Signalen's limits, whatever a citizen writes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.api.examples import MESSAGES
from deliverer.destinations.citizen import Citizen, Identity
from deliverer.destinations.signalen.messages import (
    DEFAULT,
    FIXED,
    GIVEN,
    CitizenFile,
    Message,
    Place,
    next_pin,
    parse_archive,
    phone_of,
    recent_messages,
)
from deliverer.destinations.signalen.payloads import (
    FORMER,
    IN_ARCHIVE,
    IN_CONVERSATION,
    MAX_TEXT,
    PLACE_ELSEWHERE,
    PLACE_UNKNOWN,
    WITHOUT_TEXT,
    ReportHeader,
    ReportOptions,
    addition_text,
    file_form,
    file_name,
    file_note,
    is_named_after,
    message_mark,
    report_body,
)
from sandbox.signalen.report_rules import Lists, change_errors, report_errors

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ID = UUID(int=7)
DAM = Place(52.37303, 4.89271)
OPTIONS = ReportOptions(
    archiver="https://archief.example",
    category="afval/container-is-vol",
    source="WhatsApp",
    default_place=Place(52.35, 6.66),
    has_phone=True,
    link="https://desk.example/{conversation}",
)
TALK = "10000001-c1"
HEADER = ReportHeader(event=ID, conversation=TALK, at=NOON, priority="urgent")


def message(text: str = "", minutes: int = 0, **more: Any) -> Message:
    at = NOON + timedelta(minutes=minutes)
    return Message(
        **{"id": UUID(int=minutes + 5000), "at": at, "type": "text", "text": text} | more
    )


def photo(mime: str = "image/jpeg", state: str = "available", **more: Any) -> CitizenFile:
    return CitizenFile(link="/v1/media/1", mime_type=mime, state=state, **more)


def test_report_has_all_that_signalen_requires() -> None:
    place = message(minutes=1, type="location", place=DAM, phone="+31612345678")
    body = report_body(HEADER, [message("De container is vol."), place], OPTIONS)
    path = "/signals/v1/public/terms/categories/afval/sub_categories/container-is-vol"
    assert body == {
        "text": "De container is vol.",
        "source": "WhatsApp",
        "location": {"geometrie": {"type": "Point", "coordinates": [4.89271, 52.37303]}},
        "category": {"sub_category": path},
        "reporter": {"sharing_allowed": False, "phone": "+31612345678"},
        "incident_date_start": "2026-11-25T12:00:00+00:00",
        "priority": {"priority": "high"},
        "extra_properties": [
            {
                "id": f"postkamer-{ID}",
                "label": "WhatsApp-gesprek",
                "answer": "https://desk.example/10000001-c1",
                "category_url": path,
            }
        ],
    }


@given(
    st.lists(
        st.builds(
            message,
            st.text(max_size=4000).map(lambda text: text.replace("\0", "").strip()),
            st.integers(0, 60),
            type=st.sampled_from(["text", "image", "video", "audio", "contacts", "unknown"]),
            file=st.none() | st.builds(photo, st.sampled_from(["image/jpeg", "video/mp4", ""])),
            place=st.none() | st.just(DAM),
            phone=st.sampled_from(["", "+31612345678", "+" + 20 * "9"]),
            is_withheld=st.booleans(),
        ),
        max_size=3,
    )
)
def test_report_and_note_of_any_message_are_taken(messages: list[Message]) -> None:
    assert report_errors(report_body(HEADER, messages, OPTIONS), Lists()) == {}
    for each in messages:
        if text := addition_text(each, TALK, OPTIONS):
            assert change_errors({"notes": [{"text": text}]}) == {}
            assert text.endswith(message_mark(each.id)) and len(text) <= MAX_TEXT


def test_long_text_pushes_out_neither_the_place_nor_the_mark() -> None:
    long = message(5000 * "a")
    assert report_body(HEADER, [long], OPTIONS)["text"].endswith(f"…\n\n{PLACE_UNKNOWN}")
    assert addition_text(long, TALK, OPTIONS).endswith(f"…\n{message_mark(long.id)}")


@pytest.mark.parametrize(
    ("each", "text"),
    [
        (message(), WITHOUT_TEXT),
        (message(type="image", file=photo()), WITHOUT_TEXT),
        (
            message("Kijk", type="video", file=photo("video/mp4")),
            "Kijk\n" + IN_ARCHIVE.format("video", "https://archief.example/v1/media/1"),
        ),
        (
            message(type="contacts"),
            IN_ARCHIVE.format(
                "contactgegevens", f"https://archief.example/v1/messages/{UUID(int=5000)}"
            ),
        ),
    ],
)
def test_report_says_where_the_rest_is(each: Message, text: str) -> None:
    unlinked = msgspec.structs.replace(OPTIONS, link="")
    assert report_body(HEADER, [each], unlinked)["text"] == f"{text}\n\n{PLACE_UNKNOWN}"


@pytest.mark.parametrize(
    ("each", "part"),
    [
        (message(type="audio", file=photo("audio/ogg; codecs=opus")), "spraakbericht"),
        (message(type="document", file=photo("image/heic")), "document"),
        (message(type="contacts"), "contactgegevens"),
        (message(is_withheld=True), "tekst"),
    ],
)
def test_employee_is_sent_to_the_page_of_the_conversation_where_there_is_one(
    each: Message, part: str
) -> None:
    line = IN_CONVERSATION.format(part, "https://desk.example/10000001-c1")
    report, note = report_body(HEADER, [each], OPTIONS)["text"], addition_text(each, TALK, OPTIONS)
    assert report == f"{line}\n\n{PLACE_UNKNOWN}"
    assert note.splitlines()[1:] == [line, message_mark(each.id)]
    of_file = file_note(ID, photo("image/heic"), TALK, OPTIONS)
    assert of_file.splitlines()[0] == IN_CONVERSATION.format(
        "bestand", "https://desk.example/10000001-c1"
    )
    assert OPTIONS.archiver not in report + note + of_file


@pytest.mark.parametrize(
    ("pin", "added", "then"),
    [
        (DEFAULT, message("In het park ligt een dode zwaan"), DEFAULT),
        (DEFAULT, message(type="location", place=DAM), GIVEN),
        (GIVEN, message("Dam", type="location", place=DAM), GIVEN),
        (GIVEN, message(type="image", file=photo()), GIVEN),
        (GIVEN, message("dank u", is_work=False), GIVEN),
        (GIVEN, message("In het park ligt een dode zwaan"), FIXED),
        (GIVEN, message(is_withheld=True), FIXED),
        (GIVEN, message(type="audio", file=photo("audio/ogg")), FIXED),
        (FIXED, message(type="location", place=DAM), FIXED),
    ],
)
def test_pin_stays_once_words_have_followed_a_place(pin: str, added: Message, then: str) -> None:
    assert next_pin(pin, added) == then


def test_place_that_moves_no_pin_is_in_the_note() -> None:
    place = message(type="location", place=DAM)
    line = addition_text(place, TALK, OPTIONS, PLACE_ELSEWHERE).splitlines()[1]
    assert line.startswith("De melder stuurde nog een plaats: 52.37303, 4.89271.")


def test_later_report_names_the_one_before_it_however_long_it_is() -> None:
    later = msgspec.structs.replace(HEADER, former=1234)
    text = report_body(later, [message(5000 * "a")], OPTIONS)["text"]
    assert text.endswith(f"…\n\n{FORMER.format(1234)}\n{PLACE_UNKNOWN}") and len(text) <= MAX_TEXT


def test_photograph_without_words_needs_no_note() -> None:
    assert addition_text(message(type="image", file=photo()), TALK, OPTIONS) == ""


def test_name_of_a_file_belongs_to_its_type() -> None:
    name = file_name(ID, "image/jpeg; charset=binary")
    assert name == f"whatsapp-{ID}.jpg"
    assert [file_name(ID, kind) for kind in ("image/webp", "video/mp4", "")] == [None] * 3
    django = f"https://x.example/media/2026/whatsapp-{ID}_a1B2c3d.jpg?sig=1"
    assert is_named_after(django, ID) and not is_named_after(django, UUID(int=8))


def test_form_has_the_file_as_it_came() -> None:
    content = b"\xff\xd8\xff\r\n--00000000\r\n"
    form, kind = file_form("a.jpg", "image/jpeg", content, ID)
    head, _, rest = form.partition(b"\r\n\r\n")
    assert kind == f"multipart/form-data; boundary={ID}"
    assert b'name="file"; filename="a.jpg"' in head
    assert rest == content + f"\r\n--{ID}--\r\n".encode()


def test_file_that_nobody_may_open_has_its_reason_in_the_note() -> None:
    note = file_note(ID, photo(state="quarantined", reason="virus"), TALK, OPTIONS)
    assert note == f"Een bestand van de melder is niet te openen. virus\n[bestand {ID}]"


def test_archived_messages_are_those_of_the_citizen_the_oldest_first() -> None:
    [found] = parse_archive(msgspec.json.encode(MESSAGES))
    assert (found.text, found.phone) == ("Mijn container is vol", "+31600000011")
    assert found.file and found.file.link == f"/v1/media/{found.id}"
    assert (found.file.mime_type, found.file.state, found.file.size) == (
        "image/jpeg", "available", 48213,
    )  # fmt: skip
    own = MESSAGES["messages"][0]
    place = {"type": "location", "raw": {"location": {"latitude": 52.37303, "longitude": 4.89271}}}
    sensitive = {"text": "123456782", "sensitive": ["bsn"], "sentAt": "2026-11-20T08:00:00Z"}
    out = {"direction": "out"}
    page = {"messages": [own | place, own | sensitive, own | out, own | {"type": "reaction"}]}
    first, second = parse_archive(msgspec.json.encode(page))
    assert (first.text, first.is_withheld) == ("", True)
    assert second.place == DAM


def test_new_report_has_what_no_other_has_of_the_last_day() -> None:
    old, other, recent = message("oud", -1441), message("elders", -5), message("hallo", -1)
    own = message("lamp stuk")
    archived = [old, other, recent, message("unmasked", 0)]
    assert recent_messages(archived, own, NOON, [other.id]) == [recent, own]


@pytest.mark.parametrize(
    ("citizen", "phone"),
    [
        (Citizen([Identity("bsuid", "NL.1"), Identity("phone", "31612345678")]), "+31612345678"),
        (Citizen([Identity("bsuid", "NL.1")]), ""),
        ("balie", ""),
        (None, ""),
    ],
)
def test_phone_has_its_plus(citizen: Any, phone: str) -> None:
    assert phone_of(citizen) == phone
