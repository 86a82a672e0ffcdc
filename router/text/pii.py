"""Does a text hold a BSN or an IBAN, and where? Pure.

One in eleven numbers of nine digits passes the test of a BSN, so how it is written and what it is
called counts too: phone numbers, dates, amounts and what is called a zaaknummer are none. What
remains is flagged: a warning too many is better than a BSN that goes on to a CRM.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec

BSN, IBAN, OTHER = "bsn", "iban", "other"
MARKS = {BSN: "[BSN]", IBAN: "[IBAN]"}
"""What stands in the place of a finding, by its kind. Nothing of the number itself remains."""

NEAR = 40
"""Characters before a number in which it is looked for what the number is called."""

LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "AO CV GW LY MZ PT ST",
    26: "DZ IR IS TR",
    27: "BI CF CG CM DJ FR GA GQ GR IT KM MC MG MR SM TD",
    28: "AL AZ BF BJ BY CI CY DO GT HN HU LB MA ML NE NI PL SN SV TG",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""Characters of an IBAN -> the countries where it has so many: those of Swift's registry, and in
Africa and Iran some that use it without being in there."""

GROUPINGS = frozenset(
    [(9,), (3, 3, 3), (4, 2, 3), (2, 2, 2, 3), (2, 2, 2, 2, 1), (1, 1, 1, 1, 1, 1, 1, 1, 1)]
)
"""Digits in each group of a BSN that nothing calls one. Not (4, 5), which is a year and a number,
nor (3, 6) and (1, 8), which are telephone numbers without their zero."""

FILLERS = """de deze dit heb het ik is me met mij mijn my nr no num number nummer onder ons op the
van was zijn"""
"""May stand between a number and what it is called."""

OTHERS = """aanslag aanvraag app appen artikel barcode bel bellen belt bereikbaar beschikking
besluit bestelling brief call case claim contact container debiteur dossier factuur fax geb
geboren invoice kenteken klant kvk lid melding meter mob mobiel mobile order pakket pas pasje
phone polis postbus product project ref reference referentie rekening relatie rsin tel telefoon
telephone ticket trace track vergunning volg whatsapp zaak zending"""
OTHER_ENDS = ("biljet", "code", "datum", "kenmerk", "nr", "nummer")
"""What is called one of these, or something that ends so, is no BSN."""

_FILLERS, _OTHERS = frozenset(FILLERS.split()), frozenset(OTHERS.split())

_DASH = r"\-\u2010-\u2015\u2212"
_BETWEEN = rf"[\s./{_DASH}]{{0,3}}"
_ANY = rf"(?:[,_]|{_BETWEEN})"
_TIGHT = rf"[./{_DASH}]"
_GAP = r"[^\S\n]{1,2}(?:[./\-\u2013][^\S\n])?"
_SMALL = rf"\d{{1,4}}+(?!{_TIGHT}?\d)"
_THREES = r"\d{3}(?P<mark>[\n_])\d{3}(?:(?P=mark)\d{3}(?!\d))++"
_UNIT = re.compile(
    rf"{_THREES}|{_SMALL}(?:(?P<gap>{_GAP}){_SMALL}(?:(?P=gap){_SMALL})*+)?|\d++(?:{_TIGHT}\d++)*+"
)
"""What is written as one number: three by three on three lines or with `_` between, small groups
with the same space between, or whatever holds together without any."""

_SHAPED = "".join(
    [
        "\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089",  # raised and lowered
        "\u24ea\u2460-\u2468\u24ff\u24f5-\u24fd",  # in a circle
        "\u2776-\u277e\u2780-\u2788\u278a-\u2792",  # in a black one
        "\u2474-\u247c\u2488-\u2490\U0001f100-\U0001f10a\u1369-\u1371",  # with marks; of Ethiopia
    ]
)
"""Digits that are none to a regular expression."""
_EIGHT_DIGITS = re.compile(r"(?:\D*+\d){8}")
_EIGHT_SHAPED = re.compile(rf"(?:[^\d{_SHAPED}]*+[\d{_SHAPED}]){{8}}")
_NINE = re.compile(rf"(?:\d{_ANY}){{8}}\d(?!\d)")
_EIGHT = re.compile(rf"(?:\d{_ANY}){{7}}\d(?!\d)")
_UNSEEN = frozenset(["Cf", "Mn", "Me"])
"""Categories of characters that take no room: a soft hyphen, what makes an accent or an emoji."""

SHOWN = 4096
"""Characters of which it is remembered how they are read."""

_IBAN_GAP = rf"[\s./_{_DASH}]{{0,3}}"
_IBAN_CLOSE = re.compile(r"(?:[A-Za-z0-9][\s.\-]{0,2})+")
"""Written so, a word may be against it; with more room between, chance would make too many."""
_IBAN_START = re.compile(rf"([A-Za-z]{{2}}){_IBAN_GAP}\d\d")
_COUNTRIES = {
    country: re.compile(rf"(?:{_IBAN_GAP}[A-Za-z0-9]){{{length}}}")
    for length, countries in LENGTHS.items()
    for country in countries.split()
}

_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_NO_BSN = re.compile(
    r"(?=[\[+\d])(?:"  # which any of them begins with
    + "|".join(
        [
            r"\[(?:BSN|IBAN)\]",
            rf"(?<!\d)(?<!\d[-/.]){_DAY}([-/.]){_MONTH}\1{_YEAR}(?![-/.]?\d)",
            rf"(?<!\d)(?<!\d[-/.]){_YEAR}([-/.]){_MONTH}\2{_DAY}(?![-/.]?\d)",
            rf"(?:\+|(?<!\d)00){_BETWEEN}31{_BETWEEN}(?:\(0\))?(?:{_BETWEEN}\d){{9}}(?!\d)",
            rf"(?:\+|(?<!\d)00)(?:{_BETWEEN}\d){{9,15}}(?!\d)",
            rf"(?<!\d)(?=0[1-9]\d{{0,2}}\D)0(?:{_BETWEEN}\d){{9}}(?!\d)",
            r"(?<=PXL_)20\d{6}_\d{9}(?!\d)",
            r"(?<![\d.])(?:\d{1,3}(?:\.\d{3})++|\d{1,7}),(?:\d\d(?!\d)|-)",
        ]
    )
    + ")"
)
"""Our own marks; dates; telephone numbers with a country (ours, others') and without; moments in
the names of photographs; amounts."""

_BSN = r"""(?:b\.?s\.?n|burger.?service|citizen.service|fiscaal.?nummer|id.?nummer|persoons.?nummer
|social.security|sofi(?![ae]))[a-z]*"""
_CALLED_BSN = re.compile(rf"(?<![a-z]){_BSN}", re.VERBOSE)
_BSN_AFTER = re.compile(rf"\W{{0,3}}(?:is\s)?(?:(?:mijn|het|my)\s)?{_BSN}", re.VERBOSE | re.I)
_UP_TO_NUMBER = re.compile(r"(?:.*[\d\0])?", re.DOTALL)
_CODE_BEFORE = re.compile(r"(?:[A-Za-z][-/=_]?|[#€$£+] ?)\Z")
_CODE_AFTER = re.compile(r"[A-Za-z]| ?(?:€|euro?\b)", re.IGNORECASE)


class Finding(msgspec.Struct, frozen=True):
    """A number of this kind, BSN or IBAN; text[start:end] in characters."""

    kind: str
    start: int
    end: int


def found(text: str) -> tuple[Finding, ...]:
    """What `text` holds, in its order. No two overlap."""
    if not (_EIGHT_DIGITS if text.isascii() else _EIGHT_SHAPED).match(text):  # most of them
        return ()
    plain, places = _seen(text)
    ibans = [Finding(IBAN, *span) for span in _ibans(plain)]
    rest = _replaced(plain, [(each, "\0" * (each.end - each.start)) for each in ibans])
    rest = _NO_BSN.sub(lambda match: "\0" * len(match[0]), rest)
    bsns = [Finding(BSN, *span) for span in _bsns(rest)]
    there = sorted([*ibans, *bsns], key=lambda each: each.start)
    return tuple(Finding(f.kind, places[f.start], places[f.end - 1] + 1) for f in there)


def masked(text: str, kinds: Collection[str]) -> str:
    """`text` with a mark in the place of each finding of one of `kinds`."""
    hidden = [(each, MARKS[each.kind]) for each in found(text) if each.kind in kinds]
    return _replaced(text, hidden)


def _replaced(text: str, findings: Iterable[tuple[Finding, str]]) -> str:
    parts, at = [], 0
    for finding, instead in findings:
        parts += [text[at : finding.start], instead]
        at = finding.end
    return "".join([*parts, text[at:]])


def _seen(text: str) -> tuple[str, Sequence[int]]:
    """As it is read, digits and letters of other shapes in ASCII and without what takes no room;
    and where each character of that stands in `text`."""
    if text.isascii():
        return text, range(len(text))
    shown = [_shown(character) for character in text]
    return "".join(shown), [place for place, character in enumerate(shown) if character]


@lru_cache(SHOWN)
def _shown(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.category(character) in _UNSEEN:
        return ""
    if (digit := unicodedata.digit(character, -1)) >= 0:
        return str(digit)
    plain = unicodedata.normalize("NFKC", character)
    return plain if character.isalpha() and plain.isascii() and len(plain) == 1 else character


def _ibans(plain: str) -> Iterator[tuple[int, int]]:
    at = 0
    for start in _IBAN_START.finditer(plain):
        written = _COUNTRIES.get(start[1].upper())
        match = written.match(plain, start.start()) if written else None
        if match and match.start() >= at and _is_iban(match[0]) and _is_apart(match):
            at = match.end()
            yield match.span()


def _is_iban(written: str) -> bool:
    """Half of it must be digits: else words with a number between them pass once in 97 times."""
    characters = re.sub(r"[^A-Za-z0-9]", "", written)
    if 2 * sum(map(str.isdigit, characters)) < len(characters):
        return False
    turned = characters[4:] + characters[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def _is_apart(match: re.Match[str]) -> bool:
    before, after = (
        match.string[match.start() - 1 : match.start()],
        match.string[match.end() : match.end() + 1],
    )
    return bool(_IBAN_CLOSE.fullmatch(match[0])) or not (before.isalnum() or after.isalnum())


def _bsns(plain: str) -> Iterator[tuple[int, int]]:
    at = 0
    while unit := _UNIT.search(plain, at):
        start, at = unit.span()
        if end := _end_if_called_so(plain, start) or _end_if_written_so(plain, unit):
            yield start, end
            at = end


def _end_if_called_so(plain: str, start: int) -> int:
    """Where a BSN ends that starts here and is called one, however it is grouped, perhaps without
    its leading zero; 0: it is none."""
    nine = _NINE.match(plain, start)
    if nine and _is_bsn(nine[0]) and _called(plain, start) == BSN:
        return nine.end()
    eight = _EIGHT.match(plain, start)
    if not eight or not _is_bsn("0" + eight[0]):
        return 0
    called = _called(plain, start)
    if not called and eight[0].isdecimal() and _BSN_AFTER.match(plain, eight.end()):
        called = BSN
    return eight.end() if called == BSN else 0


def _end_if_written_so(plain: str, unit: re.Match[str]) -> int:
    """Where the BSN ends that is written as one and called nothing else; 0: it is none."""
    start, end = unit.span()
    groups, gaps = re.findall(r"\d+", unit[0]), re.findall(r"\D+", unit[0])
    if tuple(map(len, groups)) not in GROUPINGS or len(set(gaps)) > 1 or not _is_bsn(unit[0]):
        return 0
    code = _CODE_BEFORE.search(plain, max(0, start - 2), start) or _CODE_AFTER.match(plain, end)
    return 0 if code or _called(plain, start) == OTHER else end


def _is_bsn(written: str) -> bool:
    digits = [int(character) for character in written if character.isdecimal()]
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return any(digits) and sum(d * w for d, w in zip(digits, weights, strict=True)) % 11 == 0


def _called(plain: str, start: int) -> str:
    """What the words before a number, but after the number before it, call it: BSN, OTHER or ''."""
    before = plain[max(0, start - NEAR) : start].lower()
    numbers = _UP_TO_NUMBER.match(before)
    before = before[numbers.end() :] if numbers else before
    bsns = list(_CALLED_BSN.finditer(before))
    words = re.findall(r"[a-z]+", before[bsns[-1].end() :] if bsns else before)
    while words and words[-1] in _FILLERS:
        words.pop()
    if words and (words[-1] in _OTHERS or words[-1].endswith(OTHER_ENDS)):
        return "" if bsns else OTHER
    return BSN if bsns else ""
