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
