"""An explanation in two languages: safety rules first, the words that a pattern matches."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.routing.explain import WORDS, format_answer
from cli.routing.explanation import explain
from router.danger.model import load_model
from router.rules.weak_signs import POSSIBLE_DANGER
from services.config import loader
from tests.support.cli.command_line import TOML
from tests.support.cli.rule_texts import rules_toml
from tests.support.example_town import FOLDER

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
CARE = rules_toml(
    "care dreiging: kind = threat; words = wapen; tenant = almelo"
    " | care geweld: kind = violence; pattern = man sla(at|pt); department = groen; tenant = almelo"
    " | care later: kind = emergency; words = slaat, brand; tenant = almelo"
)
PIKET = '[[destinations]]\nid = "piket"\nkind = "cloudevents"\nurl = "https://piket.example"\n'
WAKES = 'name = "Gemeente Almelo"\ncare = {destinations = ["crm", "piket"], confirm_minutes = 5}\n'


def answer(folder: Path, text: str, town: str = TOML + CARE, type: str = "text") -> Any:
    file = folder / "postkamer.toml"
    file.write_text(town)
    return explain(loader.load(file), text, None, NOON, type)


def test_safety_rules_come_first_and_their_consequences_apart(tmp_path: Path) -> None:
    town = TOML.replace('name = "Gemeente Almelo"\n', WAKES) + CARE + PIKET
    found = answer(tmp_path, "mijn man slaat mij bij het grof vuil", town)
    fits = 'het patroon past op "man slaat"'
    assert found["careSteps"] == [
        {"rule": "dreiging", "outcome": "past niet", "matched": ""},
        {"rule": "geweld", "outcome": "past", "matched": fits},
    ]
    assert [step["rule"] for step in found["steps"]] == found["tried"] == ["afval"]
    assert (found["department"], found["rule"]) == ("groen", "geweld")
    assert found["reason"] == found["careReason"] == f"{fits} (zorgregel geweld)"
    assert (found["wakes"], found["confirmMinutes"]) == (["crm", "piket"], 5)
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


def test_english_explanation_has_english_reasons_and_the_same_codes(tmp_path: Path) -> None:
    file = tmp_path / "postkamer.toml"
    file.write_text(TOML.replace('name = "Gemeente Almelo"\n', WAKES) + CARE + PIKET)
    text = "mijn man slaat mij bij het grof vuil"
    found = explain(loader.load(file), text, None, NOON, lang="en")
    fits = 'the pattern matches "man slaat"'
    assert found["careSteps"] == [
        {"rule": "dreiging", "outcome": "past niet", "matched": ""},
        {"rule": "geweld", "outcome": "past", "matched": fits},
    ]
    assert list(format_answer(found, "en")) == [
        f"Openbare ruimte (groen): {fits} (safety rule geweld)",
        "safety rules, which go before all others:",
        f"  matches    geweld: {fits}",
        "  the safety rules before it do not match (--all lists them)",
        "  effect     urgent; crm, then piket is woken (each after 5 minutes);"
        " the citizen reads no text",
        "ordinary rules, which no longer decide where it goes:",
        '  matches    afval: it contains "grof vuil"',
        "priority: urgent",
        "language: nl",
        f"safety: violence: {fits} (safety rule geweld)",
    ]


def test_words_of_the_explanation_exist_in_both_languages() -> None:
    assert WORDS["nl"].keys() == WORDS["en"].keys()


def test_safety_rule_without_a_department_leaves_it_to_the_other_rules(tmp_path: Path) -> None:
    lines = list(format_answer(answer(tmp_path, "brand in het grof vuil")))
    assert lines[0].startswith("Openbare ruimte (groen): ") and lines[0].endswith("(regel afval)")
    assert "gewone regels:" in lines
    assert any("niemand wordt gewekt" in line for line in lines)


def test_safety_rules_that_do_not_match_are_named_only_with_all(tmp_path: Path) -> None:
    found = answer(tmp_path, "waar laat ik mijn grof vuil?")
    assert [step["outcome"] for step in found["careSteps"]] == ["past niet"] * 3
    assert not [line for line in format_answer(found) if "zorg" in line]
    assert list(format_answer(found, every=True))[1:6] == [
        "zorgregels, die voor alle andere gaan:",
        "  past niet  dreiging",
        "  past niet  geweld",
        "  past niet  later",
        "gewone regels:",
    ]


@pytest.mark.parametrize(
    ("text", "type", "reason"),
    [
        ("hoi", "text", "er is nog niets gevraagd"),
        ("", "image", "het is een bericht zonder woorden"),
    ],
)
def test_open_decision_has_its_reason_and_its_term(
    tmp_path: Path, text: str, type: str, reason: str
) -> None:
    found = answer(tmp_path, text, type=type)
    assert found["undecided"] == {"words": bool(text), "seconds": 60}
    later = "blijft het 60 seconden stil, dan gaat het naar Klantcontact (kcc)"
    lines = list(format_answer(found))
    assert lines[0] == f"nog niet beslist: {reason}; {later}"
    assert "  geen van de regels past (--all noemt ze)" in lines


def test_unknown_words_are_decided(tmp_path: Path) -> None:
    found = answer(tmp_path, "blork")
    assert "undecided" not in found
    assert next(format_answer(found)).startswith("Klantcontact (kcc): geen enkele regel past")


@pytest.mark.parametrize(
    ("pattern", "text", "matched"),
    [
        ("zaak[- ]?[0-9]{4}", "mijn ZAAK-2026 loopt", ' op "ZAAK-2026"'),
        ("^a.*z$", "a" + "b" * 100 + "z", f' op "a{"b" * 78}…"'),
        ("een\\s+twee", "een \n twee", ' op "een twee"'),
        ("x*", "blork", ""),
        ("straße", "de STRAßE \udce9", ' op "STRAßE"'),
    ],
)
def test_pattern_quotes_the_words_that_it_matches(
    tmp_path: Path, pattern: str, text: str, matched: str
) -> None:
    found = answer(tmp_path, text, TOML + rules_toml(f"p: pattern = {pattern}"))
    matched = f"het patroon past{matched}"
    assert found["steps"][-1] == {"rule": "p", "outcome": "past", "matched": matched}
    assert found["reason"] == f"{matched} (regel p)"


def test_hold_is_explained(tmp_path: Path) -> None:
    found = answer(tmp_path, "bonje", TOML + rules_toml("h: words = bonje; hold = true"))
    assert found["held"] is True
    assert "vastgehouden tot iemand het vrijgeeft" in format_answer(found)


@pytest.mark.slow
def test_shipped_example_alarms_for_violence() -> None:
    town = loader.load(FOLDER.parent / "postkamer.toml")
    found = explain(town, "mijn man slaat mij en mijn paspoort is verlopen", None, NOON)
    assert (found["department"], found["wakes"]) == ("zorg-en-jeugd", ["piket", "crm"])
    lines = "\n".join(format_answer(found))
    assert 'geweld-door-naaste: het patroon past op "man slaat"' in lines
    assert (
        "gewekt wordt piket, dan crm (telkens na 10 minuten); de inwoner leest de tekst geweld"
        in lines
    )


NEIGHBOUR = "Mijn buurvrouw van 85 doet al twee dagen niet open"


def test_weak_signs_are_explained_with_score_threshold_and_words(tmp_path: Path) -> None:
    found = answer(tmp_path, NEIGHBOUR)
    signs = found["weakSigns"]
    assert signs["score"] >= signs["atLeast"] == load_model().at_least
    assert (signs["use"], signs["model"]) == ("mark", load_model().version)
    assert (found["tags"], found["priority"]) == ([POSSIBLE_DANGER], "high")
    assert not found.get("care") and not found.get("wakes")
    quoted = ", ".join(f'"{each}"' for each in signs["words"])
    assert found["priorityReason"].startswith(f"mogelijk gevaar: {quoted} (")
    [line] = [each for each in format_answer(found) if each.startswith("zwakke tekenen")]
    assert line.startswith("zwakke tekenen: 0,") and ", grens 0,94 (model " in line
    assert line.endswith(f": {quoted}; label en voorrang, geen alarm")
    [line] = [each for each in format_answer(found, "en") if each.startswith("weak signs")]
    assert ", threshold 0.94 (model " in line and line.endswith("a label and a priority, no alarm")


def test_low_score_is_shown_on_request_and_none_where_it_is_off(tmp_path: Path) -> None:
    found = answer(tmp_path, "mijn container is vol")
    assert found["weakSigns"]["score"] < 0.5 and "tags" not in found
    assert not any(line.startswith("zwakke") for line in format_answer(found))
    [line] = [each for each in format_answer(found, every=True) if each.startswith("zwakke")]
    assert line.endswith("; dat doet niets")
    off = TOML.replace('name = "Gemeente Almelo"\n', 'name = "A"\ncare = {weak_signs = "off"}\n')
    assert "weakSigns" not in answer(tmp_path, NEIGHBOUR, off)


def test_deciding_weak_signs_wake_as_the_named_rule(tmp_path: Path) -> None:
    care = 'care = {destinations = ["crm"], weak_signs = "decide", weak_signs_rule = "geweld"}\n'
    town = TOML.replace('name = "Gemeente Almelo"\n', f'name = "Gemeente Almelo"\n{care}') + CARE
    found = answer(tmp_path, NEIGHBOUR, town)
    assert (found["care"], found["department"], found["wakes"]) == ("violence", "groen", ["crm"])
    assert found["careReason"].startswith("mogelijk gevaar: ")
    assert found["careReason"].endswith("(zorgregel geweld)")
    [line] = [each for each in format_answer(found) if each.startswith("zwakke tekenen")]
    assert line.endswith("; als een zorgregel")
    by_rule = answer(tmp_path, f"{NEIGHBOUR}, en er is brand", town)
    assert by_rule["care"] == "emergency" and "mogelijk" not in by_rule["careReason"]
    assert not any(line.startswith("zwakke tekenen") for line in format_answer(by_rule))
    [line] = [x for x in format_answer(by_rule, every=True) if x.startswith("zwakke tekenen")]
    assert line.endswith("; de zorgregel gaat voor")
