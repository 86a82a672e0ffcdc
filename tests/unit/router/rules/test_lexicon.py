"""Phrases in a text: exact, in another form, misspelled, in a compound."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.rules import lexicon
from router.rules.lexicon import (
    LONGEST_WORD,
    MOST_WORDS,
    PhraseMatch,
    compile_lexicon,
    phrase_error,
)
from services.language.words import plain_words


def said(text: str, *phrases: str) -> dict[str, str]:
    """Phrase -> how the text says it."""
    return {phrases[found.phrase]: found.how for found in compile_lexicon(phrases).find(text)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \n\t… 🗑️ !?", []),
        ("Één fiéts, graag!", ["een", "fiets", "graag"]),
        ("CONTAINER-pas", ["container", "pas"]),
        ("straße STRASSE", ["strasse", "strasse"]),
        ("ﬁets", ["fiets"]),
        ("ĳs IJs", ["ijs", "ijs"]),
        ("𝐏𝐚𝐬𝐩𝐨𝐨𝐫𝐭 ｐａｓ", ["paspoort", "pas"]),
        ("_schuin_ *vet* ~door~ ```code```", ["schuin", "vet", "door", "code"]),
        ("WOZ-waarde 2026", ["woz", "waarde", "2026"]),
        ("e\u0301e\u0301n", ["een"]),
        ("af\u00advalkalender", ["afvalkalender"]),
        ("مرحبا بكم", ["مرحبا", "بكم"]),
        ("a\ud800b\x00c", ["a", "b", "c"]),
    ],
)
def test_plain_words_have_no_case_accents_or_marks(text: str, words: list[str]) -> None:
    assert plain_words(text) == words


@given(st.text())
def test_plain_words_of_plain_words_are_the_same(text: str) -> None:
    words = plain_words(text)
    assert plain_words(" ".join(words)) == words


@given(st.text(st.characters(max_codepoint=0x24FF) | st.characters(categories=["Mn", "Ll"])))
def test_plain_words_fold_letters_alone_as_together(text: str) -> None:
    text = "".join(c for c in text if ord(c) != 0xAD and not 0xFE00 <= ord(c) <= 0xFE0F)
    folded = unicodedata.normalize("NFKD", text).casefold()
    decomposed = unicodedata.normalize("NFKD", folded).lower()
    whole = "".join(c for c in decomposed if not unicodedata.combining(c))
    assert plain_words(text) == plain_words(whole)


SAID = {
    "exact": [
        *("paspoort: Mijn PASPOORT!", "id kaart: mijn ID-kaart", "id-kaart: mijn id kaart"),
        *("Café: CAFÉ", "Café: café", "Café: cafe", "Café: Cafe\u0301"),
        *("CAFÉ: cafe", "café: cafe", "Cafe\u0301: cafe"),
        *("gat in de weg: er zit een gat  in\nde — weg!", "gat in de weg: gat gat in de weg"),
        *("gat in de weg: gat 😡 in de weg", "112: bel 112", '"doodmaken": Doodmaken'),
        *('"gat in de weg": gat in de weg', "🗑\ufe0f: vol 🗑", "🗑: vol🗑\ufe0fvol"),
        *("🤛🏿: een 🤛🏻", "👩\u200d🚒: 👩🏽\u200d🚒!", "🇳🇱: 🇧🇪🇳🇱", "🔪 buurman: 🔪 buurman"),
    ],
    "stem": [
        *("paspoort: twee paspoorten", "gat in de weg: gaten in de weg"),
        '"brand" in de garage: brand in de garages',
    ],
    "mistake": [
        *("paspoort: mijn pasport is weg", "gat in de straat: gaten in de sraat"),
        *("parking permit: parkin permits",),
    ],
    "joined": [
        *("paspoort: een pas poort", "paspoorten: mijn pas-poorten", "rijbewijs: rij bewijs"),
        *("lantaarnpaal: de lantaarn paal", "id kaart: mijn idkaart"),
        *("id kaart aanvragen: idkaart aanvragen",),
    ],
    "part": [
        *("parkeer*: parkeerplaats", "parkeer*: PARKEER"),
        *("*vergunning: bewonersparkeervergunning", "*vergunning: bewonersparkeervergunningen"),
        *("*zakken: vuilniszak", "nieuwe *vergunning: nieuwe bouwvergunning"),
        *("zelf*: zelfmoord 💊",),
    ],
}
"""Ways to say a phrase -> phrases, each with a text."""


@pytest.mark.parametrize(("how", "case"), [(how, each) for how in SAID for each in SAID[how]])
def test_text_says_a_phrase(how: str, case: str) -> None:
    phrase, text = case.split(": ")
    assert said(text, phrase) == {phrase: how}


UNSAID = [
    *("gat in de weg: gat de in weg", "gat in de weg: gat in de"),
    *(
        "gat in de weg: nagat in de weg",
        "112: 1122",
        "gat in de weg: gat in de wegwerpbak",
        "2026: 2027",
        "parkeer*: geparkeerd",
    ),
    *("parkeer*: parkere", "*vergunning: vergunninghouder", "*vergunning: bouwverguning"),
    *('"doodmaken": doodgemaakt', '"aangiften": aangifte', '"rijbewijs": rijbewjis'),
    *('"brand" in de garage: branden in de garage', 'help "brand": help branden'),
    *('"rijbewijs": rij bewijs', "rijbewijs: rij nieuw bewijs", "boom: bo om"),
    *("👩\u200d🚒: 👩", "🗑\ufe0f🗑\ufe0f: 🗑\ufe0f", "afval: aanval", "aanval: een aantal"),
    *("geweld: geweldig, dank u wel", "straat: dat staat er", "verhuizen: verhuren"),
    *("belasting: dat is belastend",),
]


@pytest.mark.parametrize("case", UNSAID)
def test_text_does_not_say_a_phrase(case: str) -> None:
    phrase, text = case.split(": ")
    assert said(text, phrase) == {}


def test_word_of_any_phrase_is_no_misspelling_of_another() -> None:
    assert said("een wijkraam", "wijkraad") == {"wijkraad": "mistake"}
    for known in ("wijkraam", "wijkramen", '"wijkraam"', "wijk raam", "nieuw wijkraam"):
        assert "wijkraad" not in said("een wijkraam", "wijkraad", known)


def test_known_word_is_still_a_form_of_another_and_part_of_a_compound() -> None:
    assert said("containers", "container", "containers", "contain*") == {
        "container": "stem",
        "containers": "exact",
        "contain*": "part",
    }


def test_least_sure_word_says_how_a_phrase_is_said() -> None:
    assert said("gaten in de passpoort", "gat in de paspoort") == {"gat in de paspoort": "mistake"}
    assert said("gaten in de pas poort", "gat in de paspoort") == {"gat in de paspoort": "stem"}


def test_phrase_as_written_is_found_in_another_form_and_not_misspelled() -> None:
    phrases = ["stabbed", "paspoort", "was stabbed"]
    made = compile_lexicon(phrases, as_written={"stabbed"})
    found = made.find("pasport, was stabed")
    assert {phrases[each.phrase]: each.how for each in found} == {
        "paspoort": "mistake",
        "was stabbed": "mistake",
    }
    assert [each.how for each in made.find("stabbeds")] == ["stem"]


def test_phrase_matches_are_in_order_of_the_text_then_of_the_phrases() -> None:
    phrases = ["weg", "gat in de weg", "gat", "weg", "gat in"]
    assert compile_lexicon(phrases).find("Een 🕳️ gat in dé weg") == [
        PhraseMatch(1, 2, ("gat", "in", "de", "weg"), "exact"),
        PhraseMatch(2, 2, ("gat",), "exact"),
        PhraseMatch(4, 2, ("gat", "in"), "exact"),
        PhraseMatch(0, 5, ("weg",), "exact"),
        PhraseMatch(3, 5, ("weg",), "exact"),
    ]


def test_repeated_phrase_matches_once_where_it_is_surest() -> None:
    assert compile_lexicon(["paspoort"]).find("pasport paspoorten paspoort paspoort") == [
        PhraseMatch(0, 2, ("paspoort",), "exact")
    ]


@pytest.mark.parametrize(
    ("phrase", "why"),
    [
        ("paspoort", ""),
        ("parkeer* op de *weg", "4 letters"),
        ("parkeer* op de *wegen", ""),
        ("zie de 🗑️", ""),
        ("", "no word"),
        (" …!\x00\ud800", "no word"),
        ('""', "no word"),
        ("_", "no word"),
        ("par*keer", "star"),
        ("*parkeer*", "star"),
        ("parkeer *", "star"),
        ("parkeer**", "star"),
        ("🗑️*", "star"),
        ('"parkeer*"', "star"),
        ('op "parkeer*"', "star"),
        ('"zie" parkeer*', ""),
        ('"zie', "quotation mark"),
        ("par*", "4 letters"),
        ("a " * 12, ""),
        ("a " * 13, "12 words"),
        ("a" * 64, ""),
        ("a" * 65, "64 letters"),
    ],
)
def test_faulty_phrase_has_an_error_and_is_never_found(phrase: str, why: str) -> None:
    assert why in phrase_error(phrase) if why else phrase_error(phrase) == ""
    assert bool(compile_lexicon([phrase]).find(phrase)) is not bool(why)


def test_lexicon_reads_a_bounded_number_of_bounded_words() -> None:
    assert said("de " * (MOST_WORDS - 1) + "afval", "afval") == {"afval": "exact"}
    assert said("de " * MOST_WORDS + "afval", "afval") == {}
    assert said("parkeer".ljust(LONGEST_WORD, "e"), "parkeer*") == {"parkeer*": "part"}
    assert said("parkeer".ljust(LONGEST_WORD + 1, "e"), "parkeer*") == {}


def test_lexicon_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "CACHED", 10)
    small = compile_lexicon(["afval"])
    small.find(" ".join(f"woord{n}" for n in range(100)))
    assert small.matches.cache_info().currsize == 10  # type: ignore[attr-defined]
