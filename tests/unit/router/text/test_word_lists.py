"""Word lists in data files: their shape, no word twice, folded as the code folds what it reads."""

import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest

from router.text import language_detection, small_talk
from services.language import words

FILES = {
    "router.rules": {"spelling.toml"},
    "router.text": {"small_talk.toml", "languages.toml"},
    "services.language": {"sensitive_requests.toml", "words.toml"},
}


def read(package: str, file: str) -> dict[str, Any]:
    return tomllib.loads((files(package) / file).read_text(encoding="utf-8"))


def twice(listed: Iterable[object]) -> list[object]:
    return [one for one, count in Counter(listed).items() if count > 1]


def texts(value: Any) -> list[str]:
    """All texts of a file, but not its keys."""
    if isinstance(value, str):
        return [value]
    return [
        text
        for part in (value.values() if isinstance(value, dict) else value)
        for text in texts(part)
    ]


@pytest.mark.parametrize("package", FILES)
def test_every_word_list_is_tested_here(package: str) -> None:
    names = {path.name for path in files(package).iterdir() if path.name.endswith(".toml")}
    assert names == FILES[package]


@pytest.mark.parametrize(
    ("package", "file"), [(p, f) for p, names in FILES.items() for f in sorted(names)]
)
def test_texts_of_a_data_file_are_lower_case_and_not_empty(package: str, file: str) -> None:
    """Composed, too: a letter and its accent as two characters would match nothing."""
    for text in texts({key: part for key, part in read(package, file).items() if key != "scripts"}):
        assert text.strip()
        assert text == text.lower() == unicodedata.normalize("NFC", text)


def test_small_talk_has_each_phrase_once_in_a_kind() -> None:
    lists = small_talk.load_small_talk()
    assert list(lists.phrases) == [
        *(small_talk.HELLO, small_talk.SALUTE, small_talk.ASK, small_talk.THANKS),
        *(small_talk.ACK, small_talk.CLOSING, small_talk.TITLE, small_talk.FILLER),
    ]
    for kind, languages in lists.phrases.items():
        assert all(2 <= len(code) <= 3 and code.islower() for code in languages)
        phrases = list(small_talk.phrases_of(lists, kind))
        assert (kind, twice(phrases), () in phrases) == (kind, [], False)
    opts = [phrase for text in lists.opt.values() for phrase in small_talk._expand(text)]
    assert twice(opts) == []


def test_small_talk_needs_no_latin_accents() -> None:
    """They are taken off what a citizen writes, so an accent in the file would match nothing."""
    for text in texts(read("router.text", "small_talk.toml")["phrases"]):
        for letter, mark in pairwise(unicodedata.normalize("NFD", text)):
            assert not (letter.isascii() and unicodedata.combining(mark)), text


def test_words_and_emoji_of_small_talk_are_listed_once() -> None:
    lists = read("router.text", "small_talk.toml")
    assert set(lists["words"]) == {"names", "particles", "for", "favours"}
    assert [key for key, text in lists["words"].items() if twice(text.split())] == []
    assert set(lists["emoji"]) == {small_talk.HELLO, small_talk.ACK}
    emoji = "".join(lists["emoji"].values())
    assert twice(emoji) == []
    assert not any(one.isascii() or one.isalnum() for one in emoji)


def test_languages_have_each_word_once_and_two_letters_for_a_name() -> None:
    languages = language_detection.load_languages()
    assert all(
        len(code) == 2 and code.islower() for code in language_detection.detectable_languages()
    )
    assert [code for code, text in languages.words.items() if twice(text.split())] == []
    assert set(languages.greetings) <= set(languages.words)
    greetings = [one for text in languages.greetings.values() for one in text.split(", ")]
    assert twice(greetings) == []
    assert all(len(greeting) <= language_detection.LONGEST_GREETING for greeting in greetings)


def test_letters_belong_to_one_language_and_scripts_to_several() -> None:
    languages = language_detection.load_languages()
    assert set(languages.letters) <= set(languages.words)
    assert twice("".join(languages.letters.values())) == []
    assert {language_detection.LATIN, language_detection.CYRILLIC, *languages.shared_scripts} < set(
        languages.scripts
    )
    assert all(len(rows) > 1 for rows in languages.shared_scripts.values())


@pytest.mark.parametrize(
    ("package", "file", "key"),
    [
        ("router.rules", "spelling.toml", "not_mistakes"),
        ("services.language", "words.toml", "apart"),
    ],
)
def test_right_words_are_folded_and_listed_once(package: str, file: str, key: str) -> None:
    listed = read(package, file)[key].split()
    assert twice(listed) == []
    assert [word for word in listed if words.plain_words(word) != [word]] == []


def test_each_form_belongs_to_one_word() -> None:
    forms = read("services.language", "words.toml")["forms"]
    listed = [*forms, *(form for text in forms.values() for form in text.split())]
    assert twice(listed) == []
    assert [word for word in listed if words.plain_words(word) != [word]] == []
    assert set(listed).isdisjoint(words.APART)


def test_words_of_requests_are_in_one_list_only() -> None:
    lists = read("services.language", "sensitive_requests.toml")
    assert set(lists) == {
        *("send", "ask", "start", "first", "cut", "later", "soft", "not_after", "telling"),
    }
    assert [name for name, text in lists.items() if twice(text.split())] == []
    ask = [word for name in ("send", "ask", "start", "first") for word in lists[name].split()]
    assert twice(ask) == []
    assert twice(word for name in ("cut", "later", "soft") for word in lists[name].split()) == []
