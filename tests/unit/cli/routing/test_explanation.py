"""Why a message would go where it goes: care rules first, what a pattern fits on, what is open."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.routing.explain import explain
from cli.routing.explanation import format_answer
from services.config import loader
from tests.support.cli.command_line import TOML
from tests.support.example_town import FOLDER

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
CARE = """
[[care]]
id = "dreiging"
kind = "threat"
words = ["wapen"]
tenant = "almelo"
[[care]]
id = "geweld"
kind = "violence"
pattern = "man sla(at|pt)"
department = "groen"
tenant = "almelo"
[[care]]
id = "later"
kind = "emergency"
words = ["slaat", "brand"]
tenant = "almelo"
"""
WAKES = 'name = "Gemeente Almelo"\ncare = {destinations = ["crm", "piket"], confirm_minutes = 5}\n'
PIKET = '[[destinations]]\nid = "piket"\nkind = "cloudevents"\nurl = "https://piket.example"\n'


def asked(folder: Path, text: str, town: str = TOML + CARE, type: str = "text") -> Any:
    file = folder / "postkamer.toml"
    file.write_text(town)
    return explain(loader.load(file), text, None, NOON, type)


def test_care_rules_come_first_up_to_the_one_that_fits(tmp_path: Path) -> None:
    found = asked(tmp_path, "mijn man slaat mij bij het grof vuil")
    fits = 'het patroon past op "man slaat"'
    assert found["careSteps"] == [
        {"rule": "dreiging", "outcome": "past niet", "matched": ""},
        {"rule": "geweld", "outcome": "past", "matched": fits},
    ]
    assert [step["rule"] for step in found["steps"]] == found["tried"] == ["afval"]
    assert (found["department"], found["rule"]) == ("groen", "geweld")
    assert found["reason"] == found["careReason"] == f"{fits} (zorgregel geweld)"


def test_what_follows_from_a_care_rule_is_said_and_kept_apart(tmp_path: Path) -> None:
    town = TOML.replace('name = "Gemeente Almelo"\n', WAKES) + CARE + PIKET
    found = asked(tmp_path, "mijn man slaat mij bij het grof vuil", town)
    assert (found["wakes"], found["confirmMinutes"]) == (["crm", "piket"], 5)
    fits = 'het patroon past op "man slaat"'
    assert list(format_answer(found)) == [
        f"Openbare ruimte (groen): {fits} (zorgregel geweld)",
        "zorgregels, die voor alle andere gaan:",
        f"  past       geweld: {fits}",
        "  de zorgregels daarvoor passen niet (--all noemt ze)",
        "  gevolg     dringend; gewekt wordt crm, dan piket (telkens na 5 minuten);"
        " de inwoner leest geen tekst",
        "gewone regels, die hier niet meer beslissen waar het heen gaat:",
        '  past       afval: "grof vuil" staat erin',
        "voorrang: urgent",
        "taal: nl",
        f"zorg: violence: {fits} (zorgregel geweld)",
    ]
    assert "  past niet  dreiging" in format_answer(found, every=True)


def test_a_care_rule_without_a_department_leaves_it_to_the_others(tmp_path: Path) -> None:
    said = list(format_answer(asked(tmp_path, "brand in het grof vuil")))
    assert said[0].startswith("Openbare ruimte (groen): ") and said[0].endswith("(regel afval)")
    assert "gewone regels:" in said
    assert any("niemand wordt gewekt" in line for line in said)


def test_without_danger_care_rules_are_named_only_where_all_are_asked_for(tmp_path: Path) -> None:
    found = asked(tmp_path, "waar laat ik mijn grof vuil?")
    assert [step["outcome"] for step in found["careSteps"]] == ["past niet"] * 3
    assert not [line for line in format_answer(found) if "zorg" in line]
    said = list(format_answer(found, every=True))
    assert said[1:5] == [
        "zorgregels, die voor alle andere gaan:",
        "  past niet  dreiging",
        "  past niet  geweld",
        "  past niet  later",
    ]
    assert said[5] == "gewone regels:"


@pytest.mark.parametrize(
    ("text", "type", "said"),
    [
        ("hoi", "text", "er is nog niets gevraagd"),
        ("", "image", "het is een bericht zonder woorden"),
    ],
)
def test_what_is_not_decided_yet_is_said(tmp_path: Path, text: str, type: str, said: str) -> None:
    found = asked(tmp_path, text, type=type)
    assert found["undecided"] == {"words": bool(text), "seconds": 60}
    assert next(format_answer(found)) == (
        f"nog niet beslist: {said}; blijft het 60 seconden stil, dan gaat het naar"
        " Klantcontact (kcc)"
    )
    assert "  geen van de regels past (--all noemt ze)" in format_answer(found)


def test_words_that_no_rule_knows_are_decided(tmp_path: Path) -> None:
    found = asked(tmp_path, "blork")
    assert "undecided" not in found
    assert next(format_answer(found)).startswith("Klantcontact (kcc): geen enkele regel past")


@pytest.mark.parametrize(
    ("pattern", "text", "said"),
    [
        ("zaak[- ]?[0-9]{4}", "mijn ZAAK-2026 loopt", 'het patroon past op "ZAAK-2026"'),
        ("^a.*z$", "a" + "b" * 100 + "z", f'het patroon past op "a{"b" * 78}…"'),
        ("een\\s+twee", "een \n twee", 'het patroon past op "een twee"'),
        ("x*", "blork", "het patroon past"),
        ("straße", "de STRAßE \udce9", 'het patroon past op "STRAßE"'),
    ],
)
def test_a_pattern_says_on_which_words_it_fits(
    tmp_path: Path, pattern: str, text: str, said: str
) -> None:
    rule = f'[[rules]]\nid = "p"\ndepartment = "kcc"\npattern = \'{pattern}\'\n'
    found = asked(tmp_path, text, TOML + rule)
    assert found["steps"][-1] == {"rule": "p", "outcome": "past", "matched": said}
    assert found["reason"] == f"{said} (regel p)"


def test_a_rule_that_holds_says_so(tmp_path: Path) -> None:
    found = asked(tmp_path, "bonje", TOML + '[[rules]]\nid = "h"\nwords = ["bonje"]\nhold = true\n')
    assert found["held"] is True
    assert "vastgehouden tot iemand het vrijgeeft" in format_answer(found)


@pytest.mark.slow
def test_the_example_says_why_somebody_in_danger_goes_to_care() -> None:
    town = loader.load(FOLDER.parent / "postkamer.toml")
    found = explain(town, "mijn man slaat mij en mijn paspoort is verlopen", None, NOON)
    assert (found["department"], found["wakes"]) == ("zorg-en-jeugd", ["piket"])
    said = "\n".join(format_answer(found))
    assert 'geweld-door-naaste: het patroon past op "man slaat"' in said
    assert "gewekt wordt piket; de inwoner leest de tekst geweld" in said
