"""Consents of a person, from the records of their messages and of the consents themselves."""

from typing import Any

import msgspec

from archiver.subject_access.consents import list_consents
from services import clock

GIVEN = {"purpose": "nieuws", "givenAt": "2026-11-02T09:21:00Z", "source": "formulier 12"}


def row(kind: str, **data: Any) -> dict[str, Any]:
    return {"kind": kind, "at": clock.now(), "data": msgspec.json.encode(data)}


def test_consent_that_came_with_a_message_of_a_test_token_is_no_consent() -> None:
    assert list_consents([row("message", status="accepted", consent=GIVEN, test=True)]) == ()
    [consent] = list_consents([row("message", status="accepted", consent=GIVEN)])
    assert (consent.purpose, consent.source) == ("nieuws", "formulier 12")
