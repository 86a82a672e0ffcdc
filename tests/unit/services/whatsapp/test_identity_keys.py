"""By what an item is known again: the same thing twice is one, two things are never one."""

from services.whatsapp.items import AnyItem, Content, Message, Notice, Person, Status, Unknown
from services.whatsapp.parser import identity_key


def message(**changed: object) -> Message:
    fields: dict[str, object] = {
        "raw": b"{}",
        "waba": "1",
        "number": "2",
        "field": "messages",
        "id": "wamid.A",
        "person": Person(),
        "sent_at": None,
        "content": Content(type="text"),
    }
    return Message(**{**fields, **changed})  # type: ignore[arg-type]


def status(**changed: str) -> Status:
    fields = {"waba": "1", "number": "2", "field": "messages", "id": "wamid.A", "status": "read"}
    return Status(raw=b"{}", at=None, **{**fields, **changed})  # type: ignore[arg-type]


def different(*items: AnyItem) -> bool:
    return len({identity_key(item) for item in items}) == len(items)


def test_a_message_is_known_by_number_and_wamid_alone() -> None:
    again = message(raw=b'{"other":1}', waba="9", content=Content(type="image"))

    assert identity_key(message()) == ("message", "2", "wamid.A") == identity_key(again)


def test_a_message_its_echo_and_its_history_are_three_things() -> None:
    assert different(message(), message(field="smb_message_echoes"), message(field="history"))


def test_the_media_of_history_are_not_taken_for_their_placeholder() -> None:
    placeholder = message(field="history", content=Content(type="media_placeholder"))

    assert different(placeholder, message(field="history", content=Content(type="image")))


def test_same_wamid_at_another_number_is_another_message() -> None:
    assert different(message(), message(number="3"), message(number="", waba="5"))


def test_a_status_is_known_by_number_wamid_state_and_participant() -> None:
    assert identity_key(status(participant="7")) == ("status", "2", "wamid.A", "read", "7")
    assert different(status(), status(status="sent"), status(participant="7"), status(number="3"))


def test_item_without_an_id_is_identified_by_its_source_and_bytes() -> None:
    one = message(id="")

    assert identity_key(one) == identity_key(message(id="", content=Content(type="image")))
    assert different(
        one, message(id="", raw=b"[]"), message(id="", waba="3"), status(id="", waba="4")
    )


def test_same_notice_at_another_time_is_another_notice() -> None:
    first = Notice(raw=b"{}", waba="1", field="security", stamp="1764061200")
    second = Notice(raw=b"{}", waba="1", field="security", stamp="1764061201")

    assert different(first, second, Unknown(raw=b"{}", waba="1", field="security", reason="x"))
