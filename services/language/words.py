"""The words of a text: without capitals and accents, and what all forms of one share. Pure."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

import snowballstemmer

FOLDED = 4096
"""Different characters for which is remembered how they fold."""
DIMINUTIVE = 6
"""Letters from which a word that ends in -je may be another one made small."""
KEPT = 2
"""Letters at the start of a word that no form of it changes: vez, ves."""
STEMMED = 1024
"""Words of which the stems are remembered: a word is asked for several times while it is read."""

Stem = tuple[str, str]

_FORMS = """
aanmelden aangemeld
aanvragen aangevraagd aanvraagt
afsluiten afgesloten
auto autos
bad baden
bedreigen bedreigd bedreigt bedreigde
betalen betaald betaalt betaalde
blad bladeren bladen
bouwen gebouwd bouwt
dag dagen
dak daken
dumpen gedumpt
fietspad fietspaden
foto fotos
gat gaten
glas glazen
huren gehuurd huurt
inschrijven ingeschreven inschrijft
kaart kaartje kaartjes
kappen gekapt
kind kinderen
legen geleegd leegt
lid leden
melden gemeld meldt
mishandelen mishandeld mishandelt
ophalen opgehaald ophaalt
overlijden overleden overlijdt
pad paden
parkeren parkeer parkeert geparkeerd
plant plantje plantjes
schip schepen
slopen gesloopt sloopt
slot sloten
snoeien gesnoeid snoeit
stad steden
stelen gestolen steelt
trouwen getrouwd trouwt trouwde
uitschrijven uitgeschreven uitschrijft
verbod verboden
verbouwen verbouwd verbouwt verbouwde
verhuizen verhuisd verhuist verhuisde
verhuren verhuurd verhuurt
verlengen verlengd verlengt
verliezen verloren verliest
vermoorden vermoord vermoordt
verstoppen verstopt
voetpad voetpaden
weg wegen
zwembad zwembaden
"""

FORMS = {form: words[0] for words in map(str.split, _FORMS.splitlines()) for form in words[1:]}
"""Form -> word, where no rule leads from the one to the other."""

_APART = """
beetje belast belasten belastend belastende beschikbaar beschikbare brons brugge dans eens eentje
etentje gelukkig gelukkige gevoelig geweldig geweldige gezonden haren hit hits kans langs losjes
mens middelbaar miss netjes niets nieuws ongelukkig ongelukkige openen openheid opening overheid
pers plaat reeds slotte spanje steeds uitjes voorzien voorziene voren waren wassen watjes weetje
weren
"""
APART = frozenset(_APART.split())
"""Right words with a stem of their own, whatever both stemmers say: `geweldig` is no `geweld`."""

_UNSEEN = dict.fromkeys([0xAD, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)])
"""A soft hyphen, an emoji's style and skin, the letters of a flag such as England's."""
LETTERS = r"[^\W_]+"
_PICTURE = r"[\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
EMOJI = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}(?:\u200d{_PICTURE})*"
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_WORD = re.compile(LETTERS)
TOKEN = re.compile(f"{LETTERS}|{EMOJI}")
"""A word or an emoji of a folded text."""


def plain_words(text: str) -> list[str]:
    """Words in lower case without accents: `Één fiéts!` -> een fiets. An underscore is WhatsApp's
    mark for italics."""
    return _WORD.findall(folded(text))


def tokens(text: str) -> list[str]:
    """Words and emoji, folded."""
    plain = folded(text)
    return (_WORD if plain.isascii() else TOKEN).findall(plain)


def folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return _FOREIGN.sub(lambda found: _fold(found[0]), text).lower()


@lru_cache(FOLDED)
def _fold(character: str) -> str:
    """In lower case without accents. Letters in another shape (bold ones from a keyboard app) are
    decomposed before: they have no lower case of their own. One by one, for to put many marks on
    one letter in Unicode's order takes quadratic time."""
    if ord(character) in _UNSEEN:
        return ""
    folded = unicodedata.normalize("NFKD", character).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _stemmer(algorithm: str) -> Callable[[str], str]:
    stemmer = snowballstemmer.stemmer(algorithm)
    stemmer.maxCacheSize = 0  # PyStemmer's own: to keep it small costs more than to stem again
    stemming: Callable[[str], str] = stemmer.stemWord
    return stemming


_KRAAIJ_POHLMANN, _PORTER = _stemmer("dutch"), _stemmer("dutch_porter")


@lru_cache(STEMMED)
def stem(word: str) -> Stem:
    """What all forms of a word share: muis, muizen, muisje.

    Two stemmers must agree. Kraaij and Pohlmann's takes `wel` for `geweld`, `zin` for `gezin` and
    `mening` for `gemeente`; Porter's takes `gaat` for `gat` and `weten` for `wet`. Little deceives
    both.
    """
    word = FORMS.get(word, word)
    if word in APART:
        return "", word
    if word.endswith(("je", "jes")) and len(word) >= DIMINUTIVE:  # only the one knows diminutives
        word = _KRAAIJ_POHLMANN(word)
    return _KRAAIJ_POHLMANN(word), _ported(word)


def root(word: str) -> str:
    """The one of both stems that tells forms apart less often: fiets and fietsen are one. For who
    looks something up, and would rather find too much. Numbers and the like have no forms: 100 is
    not 10."""
    return stem(word)[1] if word.isalpha() else word


def start_of_stem(word: str) -> str:
    """How `stem(word)[1]` begins, where that can be said at once; '' where it cannot."""
    return "" if word in FORMS or word.endswith(("je", "jes")) else word[:KEPT]


def _ported(word: str) -> str:
    """Porter's stem, with an s that he leaves after a vowel taken off too: vakanties."""
    once = _softened(_PORTER(word))
    return _softened(_PORTER(once[:-1])) if once.endswith("s") and len(once) > 3 else once


def _softened(stem: str) -> str:
    """Spelled as at the end of a word: huiz, vergunn -> huis, vergun."""
    last = {"z": "s", "v": "f"}.get(stem[-1:], stem[-1:])
    return stem[:-1] if stem[-2:-1] == last and len(stem) > 2 else stem[:-1] + last
