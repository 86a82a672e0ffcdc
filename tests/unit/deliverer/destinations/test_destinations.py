"""The table of kinds of destinations: the same ones as the configuration knows."""

from typing import get_args

import pytest

from deliverer.destinations import DESTINATIONS
from services.config.organisation import AnyDestination


def test_table_has_each_kind_of_the_configuration_with_its_settings() -> None:
    union, _ = get_args(AnyDestination)
    configs = {get_args(each.model_fields["kind"].annotation)[0]: each for each in get_args(union)}
    assert {name: kind.config for name, kind in DESTINATIONS.items()} == configs


@pytest.mark.parametrize("name", ["cloudevents", "openklant"])
def test_missing_secret_is_a_fault_where_one_is_required(name: str) -> None:
    kind, faults = DESTINATIONS[name], list[str]()
    destination = kind.config.model_validate({"id": "a", "kind": name, "url": "https://a.example"})
    kind.secrets(destination, {}, faults)
    assert faults == ["secret (destination a): is missing"]


def test_mail_destination_needs_no_secret() -> None:
    kind, faults = DESTINATIONS["mail"], list[str]()
    given = {"id": "a", "kind": "mail", "url": "smtp://a.example", "to": ["b@c.nl"]}
    destination = kind.config.model_validate(given | {"sender": "d@e.nl"})
    assert kind.secrets(destination, {}, faults).keys == (b"",)
    assert faults == []


def test_signalen_needs_a_token_for_the_archive_and_its_client_secret() -> None:
    kind, faults = DESTINATIONS["signalen"], list[str]()
    oauth = {"token_url": "https://id.example", "client_id": "p", "client_secret": "env:SIGNALEN"}
    given = {"id": "a", "kind": "signalen", "url": "https://a.example", "oauth": oauth}
    place = {"default_place": {"latitude": 52, "longitude": 6}, "archive_secret": "env:ARCHIVE"}
    destination = kind.config.model_validate(given | place)
    kind.secrets(destination, {}, faults)
    assert [fault.partition(" ")[0].rstrip(":") for fault in faults] == ["ARCHIVE", "SIGNALEN"]
    found = kind.secrets(destination, {"ARCHIVE": "t", "SIGNALEN": "s"}, faults)
    assert (found.keys, found.client_secret) == ((b"t",), "s")
