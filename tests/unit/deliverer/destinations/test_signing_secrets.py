"""Keys in force: those of the configuration and of the owner, until their end."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from deliverer.destinations.signing_secrets import (
    SigningSecrets,
    StoredSecret,
    configured_id,
    keys_in_force,
)
from services import clock

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
SOON = NOW + timedelta(seconds=1)
CONFIGURED = {UUID(int=1): b"one"}


class Table:
    """The table of secrets, with these rows."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    async def execute(self, *_: object) -> None: ...

    async def fetch(self, *_: object) -> list[dict[str, Any]]:
        return self.rows


def stored(id: int, key: bytes, ends_at: datetime | None = None) -> StoredSecret:
    return StoredSecret(UUID(int=id), key, ends_at)


def test_keys_of_both_sources_sign_the_configured_ones_first() -> None:
    rows = [stored(1, b""), stored(2, b"two", SOON)]
    assert keys_in_force(CONFIGURED, rows, NOW) == (b"one", b"two")


def test_key_signs_until_its_end_and_not_at_it() -> None:
    rows = [stored(1, b"", SOON), stored(2, b"two")]
    assert keys_in_force(CONFIGURED, rows, NOW) == (b"one", b"two")
    assert keys_in_force(CONFIGURED, rows, SOON) == (b"two",)


async def test_keys_that_are_held_are_those_in_force_at_each_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows: list[dict[str, Any]] = [{"id": UUID(int=2), "sealed": None, "ends_at": None}]
    secrets = SigningSecrets(cast(Any, Table(rows)), "crm", lambda: (b"one",))
    await secrets.register()
    at = NOW
    monkeypatch.setattr(clock, "now", lambda: at)
    assert secrets.keys() == (b"one",)
    rows[0] |= {"id": configured_id("crm", b"one"), "ends_at": SOON}
    await secrets.refresh()
    assert secrets.keys() == (b"one",)
    at = SOON
    assert secrets.keys() == ()


def test_same_key_from_both_sources_signs_once() -> None:
    assert keys_in_force(CONFIGURED, [stored(2, b"one")], NOW) == (b"one",)


def test_ended_key_of_the_configuration_never_signs_again() -> None:
    assert keys_in_force(CONFIGURED, [stored(1, b"", NOW)], NOW) == ()


def test_id_of_a_configured_key_is_its_own_at_each_destination_and_lasts() -> None:
    ids = {configured_id(*given) for given in (("a", b"x"), ("b", b"x"), ("a", b"y"))}
    assert len(ids) == 3
    assert configured_id("a", b"x") in ids
