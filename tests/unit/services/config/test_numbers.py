"""The two templates of a number for what comes too late."""

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


def test_a_number_may_have_both_and_asks_in_dutch_unless_told_otherwise() -> None:
    config = parse(TOWN + LATE + 'ask_template = {name = "schrijf_terug"}', "postkamer.toml")
    assert config.numbers[0].ask_template == ReopenTemplate(name="schrijf_terug", language="nl")
    english = LATE + 'ask_template = {name = "antwoord", language = "en"}'
    assert parse(TOWN + english, "postkamer.toml").numbers[0].late_template


def test_one_template_cannot_take_the_words_of_an_answer_and_none() -> None:
    same = LATE + 'ask_template = {name = "antwoord"}'
    with pytest.raises(ConfigError) as refused:
        parse(TOWN + same, "postkamer.toml")
    assert "they cannot be the same template" in str(refused.value)
