"""Identity of items: the same thing twice is one, two things are never one."""

import pytest

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


def test_message_is_identified_by_number_and_wamid_alone() -> None:
    again = message(raw=b'{"other":1}', waba="9", content=Content(type="image"))
    assert identity_key(message()) == ("message", "2", "wamid.A") == identity_key(again)


def test_status_is_identified_by_number_wamid_state_and_participant() -> None:
    assert identity_key(status(participant="7")) == ("status", "2", "wamid.A", "read", "7")


def test_item_without_an_id_is_identified_by_its_source_and_bytes() -> None:
    image = message(id="", content=Content(type="image"))
    assert identity_key(message(id="")) == identity_key(image)


@pytest.mark.parametrize(
    "items",
    [
        (message(), message(field="smb_message_echoes"), message(field="history")),
        # Media of history, and their placeholder
        (message(field="history", content=Content(type="media_placeholder")),
         message(field="history", content=Content(type="image"))),
        (message(), message(number="3"), message(number="", waba="5")),
        (status(), status(status="sent"), status(participant="7"), status(number="3")),
        (message(id=""), message(id="", raw=b"[]"), message(id="", waba="3"),
         status(id="", waba="4")),
        (Notice(raw=b"{}", waba="1", field="security", stamp="1764061200"),
         Notice(raw=b"{}", waba="1", field="security", stamp="1764061201"),
         Unknown(raw=b"{}", waba="1", field="security", reason="x")),
    ],
)  # fmt: skip
def test_different_items_have_different_identity_keys(items: tuple[AnyItem, ...]) -> None:
    assert len({identity_key(item) for item in items}) == len(items)
