"""Words, times and headers of the pages."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from desk.inbox.filters import CONDITIONS, FILTERS, parse_filter
from desk.pages.conversation_view import REFUSALS
from desk.web import words
from desk.web.assets import FOLDER, Assets
from desk.web.security import form_token, origin_of, policy
from desk.web.site import STYLESHEETS
from desk.web.times import dated, duration, end_of_day, moment
from desk.web.words import load_words, preferred_language, words_in

TEMPLATES = Path(words.__file__).parent / "templates"
NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
SAID = re.compile(r"""say\("([a-z_]+\.[a-z_0-9]+)\"""")
BUILT = re.compile(r"""say\("([a-z_]+)\." ~""")


def test_languages_have_the_same_words_and_values() -> None:
    dutch, english = load_words("nl"), load_words("en")
    assert dutch.keys() == english.keys()
    holes = re.compile(r"\{[a-z]+\}")
    for key, text in dutch.items():
        assert sorted(holes.findall(text)) == sorted(holes.findall(english[key])), key


def test_templates_say_only_words_that_exist() -> None:
    known = load_words("nl")
    tables = {key.partition(".")[0] for key in known}
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert set(SAID.findall(text)) <= known.keys(), path.name
        assert set(BUILT.findall(text)) <= tables, path.name
        # Words by themselves would be in one language only.
        plain = re.sub(r"\{[%{].*?[%}]\}", "", text, flags=re.DOTALL)
        assert not re.search(r">\s*[A-Za-z]{3,}[^<]*<", plain.replace("<kbd>", "")), path.name


def test_reasons_have_words() -> None:
    known = load_words("nl")
    assert set(REFUSALS.values()) <= known.keys()
    assert {f"filter.{each}" for each in FILTERS} <= known.keys()


def test_templates_have_no_script_and_no_style_of_their_own() -> None:
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script>|<style|style=|\son[a-z]+=|javascript:|\|\s*safe", text)


def test_file_is_asked_for_with_the_conversation_that_shows_it() -> None:
    """A department that asks why its content is read shows its files for the same reason."""
    links = [
        link for path in TEMPLATES.glob("*.html") for link in path.read_text().split("/files/")[1:]
    ]
    assert [link.partition("?in=")[0] for link in links] == ["{{ file.id }}{{ part }}"]


HIDDEN = "hidden("
"""Macro that writes the token, the opening and the key of a form of a conversation."""


def test_changes_carry_the_token_of_their_page() -> None:
    assert 'name="form_token"' in (TEMPLATES / "hidden_fields.html").read_text()
    for path in TEMPLATES.glob("*.html"):
        for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.S):
            is_change = 'method="post"' in form and 'action="/language"' not in form
            assert not is_change or 'name="form_token"' in form or HIDDEN in form, form


@pytest.mark.parametrize(
    ("cookie", "accepted", "expected"),
    [
        ("", "", "nl"),
        ("", "en-GB,en;q=0.9", "en"),
        ("", "de,nl;q=0.5", "nl"),
        ("nl", "en", "nl"),
        ("fr", "en", "en"),
    ],
)
def test_language_is_the_chosen_or_the_accepted_one(
    cookie: str, accepted: str, expected: str
) -> None:
    assert preferred_language(cookie, accepted) == expected


def test_times_are_those_of_the_netherlands() -> None:
    say = words_in("nl")
    assert moment(NOW, NOW, say) == "10:00"
    assert moment(NOW - timedelta(hours=11), NOW, say) == "gisteren 23:00"
    assert moment(NOW - timedelta(days=3), NOW, say) == "27 november 10:00"
    assert moment(NOW - timedelta(days=430), NOW, say) == "26 september 2025 11:00"
    assert dated(NOW, say) == "30 november 2026 10:00"
    assert end_of_day(NOW) == datetime(2026, 11, 30, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-5, "0 min"), (59, "0 min"), (61, "1 min"), (3660, "1 u 1 min"), (90000, "1 d 1 u")],
)
def test_durations_have_two_units(seconds: float, expected: str) -> None:
    assert duration(seconds, words_in("nl")) == expected


def test_policy_allows_nothing_unsafe() -> None:
    rules = policy("https://login.almelo.example/realms/x")
    assert "unsafe" not in rules
    assert "form-action 'self' https://login.almelo.example;" in rules
    assert rules.startswith("default-src 'none'")
    assert origin_of("http://127.0.0.1:8070/x") == "http://127.0.0.1:8070"


def test_form_token_belongs_to_one_session() -> None:
    assert form_token("a") != form_token("b")
    assert "a" * 8 not in form_token("a" * 8)


def test_files_are_served_under_their_contents(tmp_path: Path) -> None:
    assets = Assets()
    for name in STYLESHEETS:
        assert re.fullmatch(rf"/assets/[0-9a-f]{{16}}/{name}", assets.path_of(name))
    (tmp_path / "tokens.css").write_text(":root {}")
    own = Assets([FOLDER, tmp_path])
    assert own.path_of("tokens.css") != assets.path_of("tokens.css")
    assert own.path_of("desk.css") == assets.path_of("desk.css")


def test_every_filter_has_its_condition() -> None:
    assert set(CONDITIONS) == set(FILTERS)
    assert parse_filter("mine") == "mine"
    assert parse_filter("'; drop table") is None
