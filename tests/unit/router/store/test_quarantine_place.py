"""A quarantined unit is found by its number and its conversation, if those are ids."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from router.model.work import WorkUnit
from router.store.store import quarantine_place
from services.contract import Entry, Receipt, Timeout
from services.whatsapp.items import Unknown

NOW, ID = datetime(2026, 11, 30, 9, tzinfo=UTC), UUID(int=1)
NUMBER = "106540352242922"
CONVERSATION = f"{NUMBER}-{'a2' * 13}"
RECEIPT = Receipt(id=ID, received_at=NOW, door="/x", proof="meta-1", signature="", body=b"{}")


def timer(number: str = NUMBER, conversation: str = CONVERSATION) -> WorkUnit:
    given = {"number": number, "conversation": conversation, "kind": "care"}
    return unit(Timeout(id=ID, at=NOW, told_at=NOW, **given))


def unknown(number: str) -> Unknown:
    return Unknown(raw=b"{}", number=number, reason="x")


def unit(entry: Entry, item: Unknown | None = None) -> WorkUnit:
    return WorkUnit(b"key", entry, item)


@pytest.mark.parametrize(
    ("quarantined", "place"),
    [
        (timer(), (NUMBER, CONVERSATION)),
        (timer(number="\x00", conversation=f"{CONVERSATION}\x00"), ("", "")),
        (timer(number="\u0661" * 9, conversation="citizen"), ("", "")),
        (unit(RECEIPT), ("", "")),
        (unit(RECEIPT, unknown(NUMBER)), (NUMBER, "")),
        (unit(RECEIPT, unknown("\x00")), ("", "")),
    ],
)
def test_unit_is_placed_by_ids_alone(quarantined: WorkUnit, place: tuple[str, str]) -> None:
    assert quarantine_place(quarantined) == place
