"""The language of a command: --lang, POSTKAMER_LANG, the locale, or its own."""

from pathlib import Path

import pytest

from cli.check.coverage import WORDS as CHECK
from cli.contact_centre import WORDS as NUMBERS
from cli.costs.costs import WORDS as COSTS
from cli.replay.diff import WORDS as REPLAY
from cli.routing.rule_versions import WORDS as RULES
from cli.support.api_command import WORDS as STATUSES
from cli.support.language import locale_language
from cli.support.output import count
from tests.support.cli.command_line import postkamer


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "nl"),
        ({"LANG": "C.UTF-8"}, "nl"),
        ({"LANG": "fr_FR.UTF-8"}, "nl"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en-US"}, "en"),
        ({"LANG": "nl_NL", "LC_MESSAGES": "en_US"}, "en"),
        ({"LANG": "en_US", "LC_ALL": "nl_NL.UTF-8"}, "nl"),
        ({"LANG": "en_US", "LC_ALL": "C"}, "nl"),
        ({"LANG": "en_US", "LC_ALL": ""}, "en"),
    ],
)
def test_locale_decides_if_it_is_dutch_or_english(environ: dict[str, str], language: str) -> None:
    assert locale_language(environ) == language


@pytest.mark.parametrize(
    ("arguments", "env", "language"),
    [
        ((), {}, "nl"),
        ((), {"LC_ALL": "en_US.UTF-8"}, "en"),
        ((), {"LC_ALL": "en_US.UTF-8", "POSTKAMER_LANG": "nl"}, "nl"),
        (("--lang", "en"), {"POSTKAMER_LANG": "nl"}, "en"),
    ],
)
def test_option_goes_before_the_variable_and_the_variable_before_the_locale(
    file: Path, arguments: tuple[str, ...], env: dict[str, str], language: str
) -> None:
    done = postkamer("check", "--config", file, *arguments, env=env)
    assert done.stdout.startswith({"nl": "gecontroleerd", "en": "checked"}[language])


def test_unknown_language_is_misuse(file: Path) -> None:
    for arguments, env, name in (
        (("--lang", "fr"), {}, "--lang"),
        ((), {"POSTKAMER_LANG": "fr"}, "POSTKAMER_LANG"),
        (("--lang", "fr"), {"POSTKAMER_LANG": "nl"}, "--lang"),
    ):
        done = postkamer("check", *arguments, env=env)
        error = f"Error: Invalid value for '{name}': 'fr' is not one of 'nl', 'en'.\n"
        assert done.exit_code == 2 and done.stderr.endswith(error)


@pytest.mark.parametrize("words", [CHECK, COSTS, NUMBERS, REPLAY, RULES, STATUSES])
def test_each_sentence_exists_in_both_languages(words: dict[str, dict[str, str]]) -> None:
    places = [{key: text.count("{}") for key, text in words[lang].items()} for lang in words]
    assert list(words) == ["nl", "en"] and places[0] == places[1]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 berichten"), (1, "1 bericht"), (2, "2 berichten"), (1234, "1.234 berichten")],
)
def test_one_is_no_plural(number: int, text: str) -> None:
    assert count(number, "bericht|berichten", ".") == text
