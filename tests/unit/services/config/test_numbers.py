"""Templates of a number for answers that come too late."""

import pytest

from services.config.model import ConfigError, parse
from services.config.numbers import ReopenTemplate

TOWN = """
departments = [{id = "kcc", tenant = "almelo", name = "KCC", destination = "crm"}]
destinations = [{id = "crm", kind = "cloudevents", url = "https://crm.example/"}]
[[tenants]]
id = "almelo"
name = "Gemeente Almelo"
[[numbers]]
id = "10000001"
tenant = "almelo"
fallback = "kcc"
"""
LATE = 'late_template = {name = "antwoord"}\n'


def test_number_takes_two_templates_and_asks_in_dutch_by_default() -> None:
    config = parse(TOWN + LATE + 'ask_template = {name = "schrijf_terug"}', "postkamer.toml")
    assert config.numbers[0].ask_template == ReopenTemplate(name="schrijf_terug", language="nl")
    english = LATE + 'ask_template = {name = "antwoord", language = "en"}'
    assert parse(TOWN + english, "postkamer.toml").numbers[0].late_template


def test_one_template_cannot_be_both_late_and_ask_template() -> None:
    with pytest.raises(ConfigError, match="they cannot be the same template"):
        parse(TOWN + LATE + 'ask_template = {name = "antwoord"}', "postkamer.toml")
