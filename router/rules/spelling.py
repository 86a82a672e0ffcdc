"""When two written words are one: forms of it, slips of the finger, spelling by ear. Pure."""

import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate

import msgspec

from services.language.words import APART, stem

SHORTEST = 6
"""Letters of a word that may be misspelled: one letter off a shorter one mostly is another word."""
SURE = 8
"""Letters from which any letter may be changed. Of 350 municipal words of at least this length 20
have an ordinary word one such change away; of 100 shorter ones 74 (klacht: kracht, geweld: gebeld),
so there the letter must be near the right one on the keyboard, or sound like it."""
HEARD = 7
"""Letters, as heard, from which a word may be written by ear all through: reibeweis."""
LONG = 10
"""Letters, as heard, from which there may be a slip in a word written by ear: lantarenpalen."""

_NOT_MISTAKES = """
aanbidding aanbieding aanfluiting aansluiting aannemen aannemer aanrader aanrander bedriegen
bedreigen begroeting begroting bekering bekeuring belanden belangen bepaling betaling beren bermen
bremen bergen bewaar bezwaar bewonder bewoner blasting belasting bonnen bronnen brandpunt brandput
brouwen bouwen touwen trouwen trouwens contained container creatie crematie detentie dementie
dienst dient diens dineren dieren diving driving doormaken doodmaken druiven duiven duimen duinen
energiek energie facturen factoren gebaar gevaar gebeld geweld gewild geveld geboden geboren
geborgen gebonden gevonden gewonden gedag gedrag gedrang gehoorzaam gehoorzaal geschieden
gescheiden geslapen geslagen gestoken gestolen gestoten gesloten gezindheid gezondheid gratie
gratis grave graven gaven gravin indicate indicatie inkoop inloop interne internet jongleren
jongeren keurig keuring klachten krachten kosten kusten kisten kotsen leaning lending lining
lening leuning lenig lenin leken lekken likken lijntje lintje melting melding nederlanden
nederlander nimmer nummer ondergrond ondergrondse ondernemen ondernemer onderwijl onderwijs
ontroerd ontvoerd opgang opvang opleiding omleiding oprichting oplichting opluchting oprotten
opritten overlaat overlast overschrijden overschrijving paardje paadje pennen pinnen pension
pensioen planeten planten platen polite politie politiek postbode postcode posted poster prices
proves proces refused refuse regenten regenton regering regeling richter rechter richten rechten
ruime ruimte ruining ruiming schande schade schare shade schandelijk schadelijk schatting
schutting shutting schelden schilden schild schuld schulden schudden schud schending scheiding
scheten schieten schijten schol school schoot schoof schommel schimmel slagroom slagboom spoelen
spelen spellen sprongen springen springer staat straat straal straalt staart stadion station
staking stalking stalling stand strand steviger steiger stijger stokken stukken stikken
strikken strik struik string storing terra terras teugels tegels uitstek uitstel veerkracht
verkrachting veiling veilig verbonden verboden verbond verbod vergissing vermissing verharde
verwarde verwarmde verhogen vermogen verhoren verloren verlopen verkopen verkozen
verkeerd verkeer verkeert vermeer verkies verlies verloop verkoop vermits vermist verpakking
verzakking verplichting verlichting vervullen vervallen vervalsen verwacht verdacht verzacht
verwachte verdachte verwoorden vermoorden verzorgen verborgen vlechten vechten voorschoten
voorschot vossen vissen waard waarde wenen wensen wenden winger winter zanger zwanger zwager
"""
NOT_MISTAKES = frozenset(_NOT_MISTAKES.split())
"""Right words that each look like another one here. Neither they nor their forms are taken for
misspellings. Found by looking, among words used more than once in a million, for those that lie a
mistake away from any of 1,100 words of town halls."""

SOUNDS = (
    ("ij", "ei"),
    ("y", "ei"),
    ("ou", "au"),
    ("th", "t"),
    ("ph", "f"),
    ("ch", "g"),
    ("c", "k"),
    ("z", "s"),
    ("v", "f"),
    ("q", "k"),
    ("x", "ks"),
)
"""What sounds alike in Dutch, applied in this order."""

_CONFUSED = """
qw we er rt ty yu ui io op as sd df fg gh hj jk kl zx xc cv vb bn nm
qa wa ws es ed rd rf tf tg yg yh uh uj ij ik ok ol pl az sz sx dx dc fc fv gv gb hb hn jn jm km
bp ck dt ei iy
"""
CONFUSED = frozenset(frozenset(pair) for pair in _CONFUSED.split())
"""Letters beside each other on a keyboard, and those that sound alike."""


def heard(word: str) -> str:
    """How a word sounds, whatever its form: `pasporten` and `paspoort` are pasport."""
    return _sound(stem(word)[1])


def _sound(word: str) -> str:
    for written, spoken in SOUNDS:
        word = word.replace(written, spoken)
    if word.endswith("d"):
        word = word[:-1] + "t"
    return re.sub(r"(.)\1+", r"\1", word)


def mistaken(written: str, meant: str) -> bool:
    """Whether a word may have been written for another: one letter missing, added, changed, or
    swapped with the next, or another spelling of its sound.

    Who misspells a word hardly ever does so at its start, unless by ear (kontainer), and there a
    letter makes another word: koning, woning.
    """
    if written[:1] != meant[:1] and _sound(written[:2])[:1] != _sound(meant[:2])[:1]:
        return False
    return _slipped(written, meant) or _by_ear(heard(written), heard(meant))


def _slipped(written: str, meant: str) -> bool:
    if len(meant) < SHORTEST or not _one_off(written, meant):
        return False
    if len(meant) >= SURE or len(written) != len(meant):
        return True
    changed = [{one, other} for one, other in zip(written, meant, strict=True) if one != other]
    return len(changed) != 1 or changed[0] in CONFUSED


def _by_ear(written: str, meant: str) -> bool:
    if len(meant) >= LONG:
        return _one_off(written, meant)
    return len(meant) >= HEARD and written == meant


def _one_off(one: str, other: str) -> bool:
    """Damerau-Levenshtein distance of at most 1."""
    shorter, longer = sorted((one, other), key=len)
    same = next((i for i, letter in enumerate(shorter) if letter != longer[i]), len(shorter))
    rest, more = shorter[same:], longer[same:]
    if len(rest) < len(more):
        return rest == more[1:]
    return rest[1:] == more[1:] or (rest[:2] == more[1::-1] and rest[2:] == more[2:])


class Words(msgspec.Struct, frozen=True):
    """Words that may be misspelled. `traces`: the checksum of a word or of what is left of it
    without a letter (32 bits), and its place in `words` (32 bits), sorted; `starts`: where in them
    the checksums start that begin with these `bits`. A tenth of the memory of a dict."""

    words: tuple[str, ...]
    traces: "array[int]"
    starts: "array[int]"
    bits: int


def misspellable(words: Iterable[str]) -> Words:
    """Of these words, those that are long enough and hold only letters."""
    those = tuple(sorted(w for w in set(words) if len(w) >= SHORTEST and w.isalpha()))
    traces = sorted(trace << 32 | n for n, word in enumerate(those) for trace in _traces(word))
    bits = len(traces).bit_length()
    counts = Counter(trace >> 64 - bits for trace in traces)
    starts = accumulate((counts[start] for start in range(1 << bits)), initial=0)
    return Words(those, array("Q", traces), array("I", starts), bits)


def meant(written: str, among: Words) -> list[str]:
    """The words that this one may be a misspelling of, in order."""
    if not written.isalpha() or written in APART or stem(written) in _RIGHT:
        return []
    found = {place for trace in _traces(written) for place in _with(trace, among)}
    return [word for place in sorted(found) if mistaken(written, word := among.words[place])]


def _with(trace: int, among: Words) -> Iterator[int]:
    start = trace >> 32 - among.bits
    for one in among.traces[among.starts[start] : among.starts[start + 1]]:
        if one >> 32 == trace:
            yield one & 0xFFFFFFFF


def _traces(word: str) -> set[int]:
    """What two words share of which one may be written for the other."""
    sound = heard(word)
    by_ear = _without_one(sound) if len(sound) >= LONG - 1 else [sound]
    traces = (*_without_one(word), *(f"~{trace}" for trace in by_ear))
    return {zlib.crc32(trace.encode()) for trace in traces}


def _without_one(word: str) -> list[str]:
    return [word, *(word[:i] + word[i + 1 :] for i in range(len(word)))]


_RIGHT = frozenset(map(stem, NOT_MISTAKES))
