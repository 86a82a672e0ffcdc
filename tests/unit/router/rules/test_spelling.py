"""Dutch words: forms that share a stem, misspellings that are known, and words that are no slip."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.rules import spelling
from router.rules.spelling import (
    NOT_MISTAKES,
    build_index,
    find_candidates,
    index_on_demand,
    is_misspelling,
    phonetic_key,
)
from services.language import words
from services.language.words import FORMS, PREFIX_LETTERS, plain_words, stem, stem_prefix

_WORDS = """
aangifte afvalcontainer belasting bijstand container geboorteaangifte gemeente grofvuil huwelijk
identiteitskaart kwijtschelding lantaarnpaal milieustraat onkruid parkeervergunning paspoort
rijbewijs stoeptegel subsidie uitkering uittreksel vergunning verhuizen vuilniszak straat school
"""
WORDS = _WORDS.split()
LETTERS = st.sampled_from("abcdefghijklmnopqrstuvwxyz")


FORMS_OF_ONE = [
    *("container containers containertje", "paspoort paspoorten", "rijbewijs rijbewijzen"),
    *("vergunning vergunningen", "lantaarnpaal lantaarnpalen", "boom bomen boompje"),
    *("rat ratten", "duif duiven", "muis muizen muisje", "gat gaten", "weg wegen"),
    *("fietspad fietspaden", "ongeval ongevallen", "vakantie vakanties", "foto fotos"),
    *("kaart kaarten kaartje", "veilig veilige"),
    *("verhuizen verhuis verhuist verhuisd verhuizing", "parkeren parkeer geparkeerd"),
    *("aanvragen aanvraag aangevraagd", "trouwen getrouwd", "betalen betaal betaald"),
]


@pytest.mark.parametrize("forms", FORMS_OF_ONE)
def test_forms_of_one_word_share_a_stem(forms: str) -> None:
    assert len(set(map(stem, forms.split()))) == 1


OTHER_WORDS = [
    *("geweld wel", "geweld geweldig", "gezin zin", "gemeente mening", "gemeente gemeen"),
    *("woning gewoon", "waarde waar", "geboorte boor", "beleid begeleiding", "gat gaat"),
    *("wet weet", "boom bom", "openbaar open", "belasting belastend"),
    *("beschikking beschikbaar", "kan kans", "over overheid", "verhuizen verhuren"),
]


@pytest.mark.parametrize("words", OTHER_WORDS)
def test_another_word_has_another_stem(words: str) -> None:
    one, other = words.split()
    assert stem(one) != stem(other)


@pytest.mark.parametrize(
    ("word", "spellings"),
    [
        ("paspoort", "paspoor passpoort pasport paspoord papoort pasporten passport"),
        ("rijbewijs", "rijbewijd rijbwijs reibewijs rijbeweis ribewijs rijbewjis"),
        ("lantaarnpaal", "lantarnpaal lantarenpaal lantaarpaal lantarenpalen"),
        ("parkeervergunning", "parkervergunning pakeervergunning parkeervergunnign"),
        ("uitkering", "uitkerring uitkerin"),
        ("uittreksel", "uitreksel uitrekzel"),
        ("huwelijk", "huwlijk huwelik huweleijk"),
        ("container", "kontainer conteiner containre"),
        ("identiteitskaart", "identiteitkaart idenditeitskaart identitijtskaart"),
        ("kwijtschelding", "kwijtschelling kweitschelding"),
        ("milieustraat", "miliustraat mileustraat"),
        ("bijstand", "bijstant beistand"),
        ("straat", "strat sraat straatt strsat"),
        ("fietspad", "fietpad vietspad"),
        ("permit", "permits permitt"),
        ("school", "schol shcool scjool"),
    ],
)
def test_misspelling_of_a_word_is_known(word: str, spellings: str) -> None:
    assert [each for each in spellings.split() if not is_misspelling(each, word)] == []


@pytest.mark.parametrize(
    ("written", "word", "why"),
    [
        ("boot", "boete", "short"),
        ("gatt", "gat", "short"),
        ("kracht", "klacht", "r is far from l, in a short word"),
        ("gebeld", "geweld", "b is far from w, in a short word"),
        ("handen", "honden", "a is far from o, in a short word"),
        ("aantal", "aanval", "t is far from v, in a short word"),
        ("koning", "woning", "another first letter"),
        ("aspoort", "paspoort", "no first letter"),
        ("verhuren", "verhuizen", "two letters"),
        ("paspot", "paspoort", "two letters"),
        ("kontener", "container", "two letters, and not by ear"),
    ],
)
def test_distant_word_is_no_misspelling(written: str, word: str, why: str) -> None:
    assert not is_misspelling(written, word), why


RIGHT_WORDS = [
    *("staat straat", "trouwens trouwen", "verkeerd verkeer", "politiek politie"),
    *("verplichting verlichting", "bedriegen bedreigen", "oplichting oprichting"),
    *("verwachtte verdacht", "slagroom slagboom", "schelden schulden"),
    *("blasting belasting", "voorzien voorziening"),
]


@pytest.mark.parametrize("words", RIGHT_WORDS)
def test_right_word_is_no_misspelling_of_another(words: str) -> None:
    written, word = words.split()
    assert find_candidates(written, build_index([word])) == []


def test_numbers_and_short_words_are_never_misspelled() -> None:
    assert build_index(["1234567", "7601ab", "boete", "🗑🗑🗑🗑🗑🗑", "straat"]).words == ("straat",)
    assert find_candidates("str4at", build_index(["straat"])) == []


def test_word_list_has_no_form_that_the_stemmers_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "FORMS", {})
    anew = stem.__wrapped__  # not what is remembered
    assert [form for form, word in FORMS.items() if anew(form) == anew(word)] == []


@pytest.mark.slow
def test_each_right_word_that_is_listed_looks_like_another() -> None:
    alike = {
        one
        for one in NOT_MISTAKES
        for other in NOT_MISTAKES
        if stem(one) != stem(other) and (is_misspelling(one, other) or is_misspelling(other, one))
    }
    assert NOT_MISTAKES - alike == set()


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str, str]:
    """A word, one slip after its first letter, and what kind of slip."""
    word = draw(st.sampled_from(WORDS))
    at = draw(st.integers(1, len(word) - 1))
    letter = draw(LETTERS)
    start, rest = word[:at], word[at:]
    kinds = {
        "missing": start + rest[1:],
        "added": start + letter + rest,
        "changed": start + letter + rest[1:],
        "swapped": start + rest[1::-1] + rest[2:],
    }
    kind = draw(st.sampled_from(sorted(kinds)))
    return word, kinds[kind], kind


@given(slips())
def test_any_one_slip_is_a_misspelling(slip: tuple[str, str, str]) -> None:
    word, written, kind = slip
    if kind != "changed" or len(word) >= spelling.SURE:
        assert is_misspelling(written, word)


POOL = st.sampled_from(WORDS) | slips().map(lambda slip: slip[1]) | st.text("abst", max_size=9)


@given(st.lists(POOL, max_size=12), POOL)
def test_spelling_index_finds_what_comparing_every_word_would(words: list[str], one: str) -> None:
    right = {stem(word) for word in NOT_MISTAKES}
    slowly = [
        word
        for word in sorted(set(words))
        if len(word) >= spelling.SHORTEST and is_misspelling(one, word) and stem(one) not in right
    ]
    assert find_candidates(one, build_index(words)) == slowly == index_on_demand(words)(one)


@given(st.text(st.characters(categories=["L", "N"]), max_size=40))
def test_word_in_any_script_has_a_stem_and_a_phonetic_key(word: str) -> None:
    assert stem(word) == stem(word)
    assert is_misspelling(word, word) is (len(word) >= 6 or len(phonetic_key(word)) >= 7)


@given(POOL | st.text(st.characters(categories=["L", "N"]), max_size=12))
def test_stem_prefix_is_the_start_of_the_stem(text: str) -> None:
    for word in plain_words(text):
        assert len(word) < 3 or stem_prefix(word) in ("", stem(word)[1][:PREFIX_LETTERS])
