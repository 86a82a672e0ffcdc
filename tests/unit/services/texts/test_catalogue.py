"""Catalogue of texts: the shipped ones, reading files, filling in values."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.language.readability import sentences
from services.texts.catalogue import (
    COMPUTED,
    PLACEHOLDER,
    PLACEHOLDERS,
    SOBER_WELCOME,
    TEXTS,
    WELCOME,
    Text,
    Texts,
    fold_request,
    localised_values,
    missing_placeholders,
    parse,
    render,
)
from services.texts.checks import WORDS, text_errors, text_warnings
from services.texts.folder import load_texts
from services.toml.errors import ConfigFault
from tests.support.example_town import FOLDER, TOWN


@pytest.fixture(scope="module")
def shipped() -> Texts:
    return load_texts(FOLDER)


LANGUAGES = ("ar", "de", "en", "nl", "pl", "tr", "uk")
UNREAD = ("ar", "de", "pl", "tr", "uk")
"""Languages of which no native speaker has read the shipped texts."""


def test_shipped_texts_have_no_faults(shipped: Texts) -> None:
    assert tuple(sorted(shipped.languages)) == LANGUAGES
    assert [str(fault) for fault in text_errors(shipped, TOWN)] == []
    assert list(text_warnings(shipped, TOWN, drafts=True)) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_shipped_languages_have_the_same_texts_and_placeholders(
    language: str, shipped: Texts
) -> None:
    dutch, translated = shipped.languages["nl"], shipped.languages[language]
    assert list(dutch) == list(translated)
    assert {*dutch} == {*TEXTS, SOBER_WELCOME, "meer_informatie"}
    for id in dutch:
        names = [sorted(set(PLACEHOLDER.findall(texts[id].body))) for texts in (dutch, translated)]
        assert names[0] == names[1], id
        assert dutch[id].owner == translated[id].owner
        assert len(dutch[id].buttons) == len(translated[id].buttons)
        assert translated[id].draft is (language in UNREAD)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sober_first_text_is_the_first_text_without_its_greeting(
    language: str, shipped: Texts
) -> None:
    first, sober = (
        sentences(shipped.languages[language][id].body) for id in (WELCOME, SOBER_WELCOME)
    )
    assert first[0] != sober[0] and first[1:] == sober[1:]
    assert "INFO" in sober[1]
    assert shipped.index_words()["info"] == "meer_informatie"


@pytest.mark.parametrize(
    "message",
    ["Stuur INFO", "stuur informatie", "Send INFO", "INFO yazın", "hasło INFO", "надішліть INFO",
     "أرسلوا INFO"],
)  # fmt: skip
def test_text_is_asked_for_by_the_words_of_the_first_text(message: str, shipped: Texts) -> None:
    assert shipped.index_words().get(fold_request(message)) == "meer_informatie"


def test_language_is_used_when_it_is_complete_and_read(shipped: Texts) -> None:
    assert tuple(sorted(shipped.usable(drafts=True).languages)) == LANGUAGES
    assert sorted(shipped.usable(drafts=False).languages) == ["en", "nl"]
    turkish = dict(shipped.languages["tr"])
    del turkish["bsn"]
    partial = Texts({**shipped.languages, "tr": turkish}, shipped.paths).usable(drafts=True)
    assert {*LANGUAGES} - {*partial.languages} == {"tr"}
    assert partial.find("tr", "gesloten") == shipped.languages["nl"]["gesloten"]
    dutch = {
        id: msgspec.structs.replace(text, draft=True)
        for id, text in shipped.languages["nl"].items()
    }
    assert [*Texts({"nl": dutch}, {}).usable(drafts=False).languages] == ["nl"]


def test_placeholders_are_used_and_the_computed_ones_have_a_length() -> None:
    used = {name for text in load_texts(FOLDER).languages["nl"].values() for name in names(text)}
    assert used == set(PLACEHOLDERS)
    assert set(WORDS) == {name for name, source in PLACEHOLDERS.items() if source == COMPUTED}
    assert {name for known in TEXTS.values() for name in known} == set(WORDS)


def names(text: Text) -> list[str]:
    return PLACEHOLDER.findall(text.body)


NUMBERS = {"noodgeval": ["112", "112NL"], "zelfdoding": ["113", "www.113.nl", "112", "112NL"]}
NUMBERS["geweld"] = ["112", "112NL", "0800-2000", "www.veiligthuis.nl", "0800-0432"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("id", NUMBERS)
def test_care_texts_name_where_help_is(shipped: Texts, language: str, id: str) -> None:
    text = shipped.languages[language][id]
    assert all(number in text.body for number in NUMBERS[id])


def test_arabic_line_with_a_telephone_number_begins_in_latin_letters(shipped: Texts) -> None:
    """After Arabic letters `14 0999` is shown as `0999 14`."""
    texts = shipped.languages["ar"].values()
    lines = [line for text in texts for line in text.body.splitlines()]
    spaced = [line for line in lines if re.search(r"\{telefoon\}|\d[ -]\d", line)]
    assert len(spaced) == 6
    assert all(re.match("[A-Za-z]", line) for line in spaced)


TELLING = (
    "geweld violence mishandel abuse slaan slaat hit partner man vrouw kind child gezin family"
)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_privacy_texts_do_not_tell_the_subject_of_a_message(shipped: Texts, language: str) -> None:
    text = shipped.find(language, "geweld")
    assert text
    used = set(text.body.casefold().replace(":", " ").replace(".", " ").split())
    assert not used & set(TELLING.split())


def read(text: str, language: str = "nl") -> tuple[dict[str, Text], list[ConfigFault]]:
    return parse(language, text, f"{language}.toml")


GENERAL = 'owner = "KCC"\nversion = "1"\n'


def test_text_has_the_owner_and_version_of_its_file_or_its_own() -> None:
    texts, faults = read(
        f'{GENERAL}[een]\ntext = " Dag. "\n[twee]\nowner = "Zorg"\nversion = "2"\n'
        'text = """\nKies. """\nbutton = "Kies"\nbuttons = ["Ja", "Nee"]\n'
    )
    assert faults == []
    assert texts["een"] == Text("nl", "een", "Dag.", "KCC", "1", path="nl.toml", line=4)
    two = Text("nl", "twee", "Kies.", "Zorg", "2", "Kies", ("Ja", "Nee"), "nl.toml", 8)
    assert texts["twee"] == two


def test_draft_is_said_of_a_file_or_of_a_text() -> None:
    texts, faults = read(
        f'{GENERAL}draft = true\n[een]\ntext = "Dag."\n[twee]\ntext = "Dag."\ndraft = false\n'
    )
    assert faults == []
    assert [texts[id].draft for id in ("een", "twee")] == [True, False]


@pytest.mark.parametrize(
    ("message", "asked"),
    [("info", "meer"), ("  INFO! ", "meer"), ("Ínfo", "meer"), ("meer   weten?", "meer"),
     ("معلومات", "meer"), ("informatie", ""), ("info over mijn paspoort", ""), ("info " * 20, "")],
)  # fmt: skip
def test_message_asks_for_a_text_whatever_its_capitals_and_marks(message: str, asked: str) -> None:
    words = ("info", "Meer weten", "معلومات")
    text = Text("nl", "meer", "Dag.", "KCC", "1", words=words)
    assert Texts({"nl": {"meer": text}}, {}).index_words().get(fold_request(message), "") == asked


# Text after owner and version; line and place of the fault, words of it.
WRONG = [
    ("[een]\n", 3, "een", "has no text"),
    ('[een]\ntext = ""\n', 3, "een", "has no text"),
    ("[een]\ntext = 7\n", 4, "een.text", "expected a text in quotes"),
    ('[een]\ntext = "Dag."\nbutton = 7\n', 5, "een.button", "expected a text in quotes"),
    ('[een]\ntext = "Dag."\nbuttons = "Ja"\n', 5, "een.buttons", "a list of texts"),
    ('[een]\ntext = "Dag."\nbuttons = ["Ja", 7]\n', 5, "een.buttons", "a list of texts"),
    ('[een]\ntext = "Dag."\nwords = "info"\n', 5, "een.words", "a list of texts"),
    ('[een]\ntext = "Dag."\ndraft = "ja"\n', 5, "een.draft", "expected true or false"),
    ('[een]\ntext = "Dag."\nboton = "Ja"\n', 5, "een.boton", "not known"),
    ('[een]\ntext = "Dag."\nowner = ""\n', 3, "een", "has no owner"),
    ('[Een]\ntext = "Dag."\n', 3, "Een", "is no id"),
    ('een = "Dag."\n', 3, "een", "is no table"),
    ("[een\n", 3, "file", "a ] is missing"),
]


@pytest.mark.parametrize(("text", "line", "where", "what"), WRONG)
def test_malformed_text_is_a_fault_with_its_line_and_place(
    text: str, line: int, where: str, what: str
) -> None:
    texts, faults = read(GENERAL + text)
    assert [(fault.path, fault.line, fault.where) for fault in faults] == [("nl.toml", line, where)]
    assert what in faults[0].what
    assert texts == {}


def test_faults_of_a_file_are_reported_beside_those_of_its_texts() -> None:
    _, faults = read('version = 7\n[een]\ntext = 7\n[twee]\ntext = "Dag."\n', "Dutch")
    places = [(fault.line, fault.where) for fault in faults]
    assert places == [(0, "file"), (1, "version"), (2, "een"), (3, "een.text"), (4, "twee")]


def test_folder_has_a_file_for_each_language(tmp_path: Path) -> None:
    (tmp_path / "nl.toml").write_text(f'\ufeff{GENERAL}[een]\ntext = "Dag."\n', "utf-8")
    (tmp_path / "fr.toml").write_bytes(b"\xff")
    (tmp_path / "nl.toml~").write_text("[[[")
    texts = load_texts(tmp_path)
    assert list(texts.languages["nl"]) == ["een"]
    assert [(fault.path, fault.line) for fault in texts.faults] == [(str(tmp_path / "fr.toml"), 0)]


def test_missing_dutch_file_is_a_fault(tmp_path: Path) -> None:
    texts = load_texts(tmp_path / "nowhere")
    assert [str(fault) for fault in text_errors(texts, TOWN)] == [
        f"{tmp_path}/nowhere/nl.toml:0: file: is not there"
    ]


def test_text_is_found_in_its_language_else_in_dutch(shipped: Texts) -> None:
    dutch, english = shipped.languages["nl"], shipped.languages["en"]
    some = Texts({"nl": dutch, "en": {"bsn": english["bsn"]}}, {})
    assert some.find("en", "bsn") == english["bsn"]
    assert some.find("en", "gesloten") == some.find("tr", "gesloten") == dutch["gesloten"]
    assert some.find("nl", "geen") is None


def test_rendered_value_brings_no_placeholders() -> None:
    values = {"gemeente": "{mail}{", "mail": "a\\1 %s {0.__class__}"}
    assert render("{gemeente} {mail} {gemeente}", values) == (
        "{mail}{ a\\1 %s {0.__class__} {mail}{"
    )


def test_placeholder_without_a_value_stays_and_is_missing() -> None:
    text = "{opent} {mail} {Mail} {} {mail.x} {mail!r} {{mail}} {opent}"
    assert render(text, {"mail": "x", "opent": ""}) == (
        "{opent} x {Mail} {} {mail.x} {mail!r} {x} {opent}"
    )
    assert missing_placeholders(text, {"mail": "x", "opent": ""}) == ["opent"]


@given(st.text(st.characters()), st.dictionaries(st.sampled_from("ab"), st.text(st.characters())))
def test_text_without_placeholders_is_rendered_unchanged(text: str, values: dict[str, str]) -> None:
    body = text.replace("{", "(")
    assert render(body, values) == body
    assert render(f"{body}{{a}}", {"a": text}) == body + (text or "{a}")


def test_value_may_differ_between_languages() -> None:
    values = {"mail": "nl@x", "mail_en": "en@x", "website": "x"}
    dutch, english = localised_values("nl", values), localised_values("en", values)
    assert (dutch["mail"], english["mail"], english["website"]) == ("nl@x", "en@x", "x")
