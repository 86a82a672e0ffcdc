"""Settlement of a delivery: the row that is written, its record, and the destinations' secrets."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from deliverer.credentials import load_secrets
from deliverer.crm.destination_kind import Keys
from deliverer.crm.settlements import (
    STORED_ANSWER_BYTES,
    Settlement,
    make_settlement,
    park_settlement,
    settlement_record,
)
from services.config.settings import SettingsError
from services.contract import Delivery
from services.sealing.columns import DELIVERY, bind
from services.sealing.key_ring import RING
from tests.support.deliverer.configuration import CRM, configuration
from tests.support.deliverer.delivery_jobs import NOON, delivery

SETTLED = make_settlement(delivery(7), "crm", 3, 200, NOON)


def test_settlement_record_has_the_outcome_of_a_delivery_and_no_content() -> None:
    made = settlement_record(SETTLED)
    assert (made.kind, made.at, made.tenant) == ("delivery", NOON, "almelo")
    assert (made.conversation, made.message, made.raw) == ("a", UUID(int=7), b"")
    assert msgspec.json.decode(made.data) == {
        "destination": "crm",
        "event": str(delivery(7).id),
        "state": "settled",
        "attempts": 3,
        "status": 200,
        "reason": "",
    }


def test_settlement_record_can_be_made_again_from_the_row() -> None:
    """The body is left out: it is not read back, and has no part in the record."""
    full = park_settlement(SETTLED, delivery(7), "refused", b"answer")
    row = msgspec.structs.asdict(full)
    del row["body"]
    assert settlement_record(Settlement(**row)) == settlement_record(full)


def test_settlement_record_id_follows_from_event_and_destination() -> None:
    id = settlement_record(SETTLED).id
    assert (id.version, id.int >> 80) == (7, delivery(7).id.int >> 80)
    chance = hashlib.blake2b(f"crm {delivery(7).id}".encode(), digest_size=10).digest()
    assert id.int & (1 << 62) - 1 == int.from_bytes(chance, "big") & (1 << 62) - 1
    others = [
        msgspec.structs.replace(SETTLED, destination="other"),
        msgspec.structs.replace(SETTLED, event=delivery(8).id),
    ]
    assert len({id, *(settlement_record(other).id for other in others)}) == 3
    later = msgspec.structs.replace(SETTLED, attempts=9, at=NOON + timedelta(seconds=1))
    assert settlement_record(later).id == id


def test_parked_delivery_is_stored_with_all_that_a_replay_needs() -> None:
    made = park_settlement(SETTLED, delivery(7), "refused: 422", b"x" * 5000)
    assert (made.state, made.reason) == ("parked", "refused: 422")
    assert made.body
    stored = msgspec.msgpack.decode(
        RING.unseal(made.body, DELIVERY, bind(made.destination, made.event))
    )
    assert msgspec.convert(stored["delivery"], Delivery) == delivery(7)
    assert stored["answer"] == b"x" * STORED_ANSWER_BYTES


def keys(secrets: Sequence[str | tuple[str, str]], environ: Mapping[str, str]) -> dict[str, Keys]:
    """Keys of destinations with these secrets, or pairs of a secret and the next one."""
    destinations = []
    for n, secret in enumerate(secrets):
        first, following = (secret, "") if isinstance(secret, str) else secret
        destinations.append(CRM | {"id": f"d{n}", "secret": first, "secret_next": following})
    found = load_secrets(configuration(*destinations), environ)
    return {id: each.keys for id, each in found.items()}


def test_each_destination_has_its_own_secret_or_two_during_rotation() -> None:
    secrets = ["env:A", "plain text", "whsec_aHVudGVyMg==", ("one", "two")]
    assert keys(secrets, {"A": "from the environment"}) == {
        "d0": (b"from the environment",),
        "d1": (b"plain text",),
        "d2": (b"hunter2",),
        "d3": (b"one", b"two"),
    }


def test_all_missing_and_malformed_secrets_are_named_and_none_is_quoted() -> None:
    secrets = ["env:CRM_SECRET", "", "whsec_hunter2", "env:WRONG", "env:FILE", ("a", "env:NEXT")]
    environ = {"WRONG": "whsec_hunter2", "FILE_FILE": "/nowhere/hunter2"}
    with pytest.raises(SettingsError) as raised:
        keys(secrets, environ)
    assert raised.value.faults == [
        "CRM_SECRET (destination d0): is missing",
        "FILE (destination d4): No such file or directory",
        "NEXT (destination d5): is missing",
        "WRONG (destination d3): what follows whsec_ is no base64",
        "secret (destination d1): is missing",
        "secret (destination d2): what follows whsec_ is no base64",
    ]
