"""Find BSNs and IBANs in a text. Pure.

One in eleven numbers of nine digits passes the test of a BSN, so its grouping and the name before
it count too: phone numbers, dates, amounts and a zaaknummer are no BSN. All other numbers that pass
are found: a warning too many is better than a BSN that reaches a CRM.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec
from stdnum.iso7064 import mod_97_10
from stdnum.nl import bsn

BSN, IBAN, OTHER = "bsn", "iban", "other"
MARKS = {BSN: "[BSN]", IBAN: "[IBAN]"}
"""Kind of finding -> mask in its place. Nothing of the number remains."""

NEAR = 40
"""Characters before a number that are searched for its name."""

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
"""Characters of an IBAN -> countries where it has so many: those in Swift's registry, and some in
Africa and Iran that use IBANs without being in the registry."""

GROUPINGS = frozenset(
    [(9,), (3, 3, 3), (4, 2, 3), (2, 2, 2, 3), (2, 2, 2, 2, 1), (1, 1, 1, 1, 1, 1, 1, 1, 1)]
)
"""Digits in each group of a BSN without a name. Not (4, 5), which is a year and a number, nor
(3, 6) and (1, 8), which are telephone numbers without their zero."""

FILLERS = """de deze dit heb het ik is me met mij mijn my nr no num number nummer onder ons op the
van was zijn"""
"""Words between a number and its name."""

OTHERS = """aanslag aanvraag app appen artikel barcode bel bellen belt bereikbaar beschikking
besluit bestelling brief call case claim contact container debiteur dossier factuur fax geb
geboren invoice kenteken klant kvk lid melding meter mob mobiel mobile order pakket pas pasje
phone polis postbus product project ref reference referentie rekening relatie rsin tel telefoon
telephone ticket trace track vergunning volg whatsapp zaak zending"""
OTHER_ENDS = ("biljet", "code", "datum", "kenmerk", "nr", "nummer")
"""Names, and ends of names, of numbers that are no BSN."""

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
"""Digits written as one number: three by three on three lines or joined by `_`, small groups with
the same space between, or groups without a space."""

_SHAPED = "".join(
    [
        "\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089",  # raised and lowered
        "\u24ea\u2460-\u2468\u24ff\u24f5-\u24fd",  # in a circle
        "\u2776-\u277e\u2780-\u2788\u278a-\u2792",  # in a black circle
        "\u2474-\u247c\u2488-\u2490\U0001f100-\U0001f10a\u1369-\u1371",  # with marks; of Ethiopia
    ]
)
"""Digits that `\\d` of a regular expression does not match."""
_EIGHT_DIGITS = re.compile(r"(?:\D*+\d){8}")
_EIGHT_SHAPED = re.compile(rf"(?:[^\d{_SHAPED}]*+[\d{_SHAPED}]){{8}}")
_NINE = re.compile(rf"(?:\d{_ANY}){{8}}\d(?!\d)")
_EIGHT = re.compile(rf"(?:\d{_ANY}){{7}}\d(?!\d)")
_UNSEEN = frozenset(["Cf", "Mn", "Me"])
"""Categories of characters without width: a soft hyphen, parts of an accent or an emoji."""

SHOWN = 4096
"""Characters whose plain form is cached."""

_IBAN_GAP = rf"[\s./_{_DASH}]{{0,3}}"
_IBAN_CLOSE = re.compile(r"(?:[A-Za-z0-9][\s.\-]{0,2})+")
"""An IBAN with such small gaps may touch a word; with wider gaps, chance would find too many."""
_IBAN_START = re.compile(rf"([A-Za-z]{{2}}){_IBAN_GAP}\d\d")
_COUNTRIES = {
    country: re.compile(rf"(?:{_IBAN_GAP}[A-Za-z0-9]){{{length}}}")
    for length, countries in LENGTHS.items()
    for country in countries.split()
}

_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_NO_BSN = re.compile(
    r"(?=[\[+\d])(?:"  # first characters of all alternatives
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
"""Masks; dates; telephone numbers with the Dutch country code, with another, and without; times in
the names of photographs; amounts."""

_BSN = r"""(?:b\.?s\.?n|burger.?service|citizen.service|fiscaal.?nummer|id.?nummer|persoons.?nummer
|social.security|sofi(?![ae]))[a-z]*"""
_CALLED_BSN = re.compile(rf"(?<![a-z]){_BSN}", re.VERBOSE)
_BSN_AFTER = re.compile(rf"\W{{0,3}}(?:is\s)?(?:(?:mijn|het|my)\s)?{_BSN}", re.VERBOSE | re.I)
_UP_TO_NUMBER = re.compile(r"(?:.*[\d\0])?", re.DOTALL)
_CODE_BEFORE = re.compile(r"(?:[A-Za-z][-/=_]?|[#€$£+] ?)\Z")
_CODE_AFTER = re.compile(r"[A-Za-z]| ?(?:€|euro?\b)", re.IGNORECASE)


class Finding(msgspec.Struct, frozen=True):
    """A BSN or an IBAN at text[start:end], in characters."""

    kind: str
    start: int
    end: int


def find_pii(text: str) -> tuple[Finding, ...]:
    """Return the BSNs and IBANs in `text`, in its order. No two overlap."""
    if not (_EIGHT_DIGITS if text.isascii() else _EIGHT_SHAPED).match(text):  # most texts
        return ()
    plain, places = _simplify(text)
    ibans = [Finding(IBAN, *span) for span in _find_ibans(plain)]
    rest = _replace(plain, [(iban, "\0" * (iban.end - iban.start)) for iban in ibans])
    rest = _NO_BSN.sub(lambda match: "\0" * len(match[0]), rest)
    bsns = [Finding(BSN, *span) for span in _find_bsns(rest)]
    findings = sorted([*ibans, *bsns], key=lambda finding: finding.start)
    return tuple(Finding(f.kind, places[f.start], places[f.end - 1] + 1) for f in findings)


def mask_pii(text: str, kinds: Collection[str]) -> str:
    """Return `text` with a mask in the place of each finding of one of `kinds`."""
    masks = [(finding, MARKS[finding.kind]) for finding in find_pii(text) if finding.kind in kinds]
    return _replace(text, masks)


def _replace(text: str, replacements: Iterable[tuple[Finding, str]]) -> str:
    parts, at = [], 0
    for finding, replacement in replacements:
        parts += [text[at : finding.start], replacement]
        at = finding.end
    return "".join([*parts, text[at:]])


def _simplify(text: str) -> tuple[str, Sequence[int]]:
    """Return the text with digits and letters of other shapes in ASCII and without characters of no
    width, and the position in `text` of each of its characters."""
    if text.isascii():
        return text, range(len(text))
    shown = [_show(character) for character in text]
    return "".join(shown), [place for place, character in enumerate(shown) if character]


@lru_cache(SHOWN)
def _show(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.category(character) in _UNSEEN:
        return ""
    if (digit := unicodedata.digit(character, -1)) >= 0:
        return str(digit)
    plain = unicodedata.normalize("NFKC", character)
    return plain if character.isalpha() and plain.isascii() and len(plain) == 1 else character


def _find_ibans(plain: str) -> Iterator[tuple[int, int]]:
    at = 0
    for start in _IBAN_START.finditer(plain):
        pattern = _COUNTRIES.get(start[1].upper())
        match = pattern.match(plain, start.start()) if pattern else None
        if match and match.start() >= at and _is_iban(match[0]) and _is_apart(match):
            at = match.end()
            yield match.span()


def _is_iban(written: str) -> bool:
    """True if the check digits are right. `stdnum.iban` is too strict here: it refuses 22 of the
    countries in LENGTHS and account numbers that a country does not issue. Half of the characters
    must be digits: else words with a number between them pass once in 97 times."""
    characters = "".join(filter(str.isalnum, written))
    if 2 * sum(map(str.isdigit, characters)) < len(characters):
        return False
    return mod_97_10.is_valid(characters[4:] + characters[:4])


def _is_apart(match: re.Match[str]) -> bool:
    before, after = (
        match.string[match.start() - 1 : match.start()],
        match.string[match.end() : match.end() + 1],
    )
    return bool(_IBAN_CLOSE.fullmatch(match[0])) or not (before.isalnum() or after.isalnum())


def _find_bsns(plain: str) -> Iterator[tuple[int, int]]:
    at = 0
    while unit := _UNIT.search(plain, at):
        start, at = unit.span()
        if end := _end_by_name(plain, start) or _end_by_grouping(plain, unit):
            yield start, end
            at = end


def _end_by_name(plain: str, start: int) -> int:
    """Return the end of a number that starts here and is called a BSN, in any grouping and perhaps
    without its leading zero; 0 if it is no BSN."""
    nine = _NINE.match(plain, start)
    if nine and _is_bsn(nine[0]) and _name_before(plain, start) == BSN:
        return nine.end()
    eight = _EIGHT.match(plain, start)
    if not eight or not _is_bsn("0" + eight[0]):
        return 0
    name = _name_before(plain, start)
    if not name and eight[0].isdecimal() and _BSN_AFTER.match(plain, eight.end()):
        name = BSN
    return eight.end() if name == BSN else 0


def _end_by_grouping(plain: str, unit: re.Match[str]) -> int:
    """Return the end of a number that is grouped as a BSN and has no other name; 0 if it is no
    BSN."""
    start, end = unit.span()
    groups, gaps = re.findall(r"\d+", unit[0]), re.findall(r"\D+", unit[0])
    if tuple(map(len, groups)) not in GROUPINGS or len(set(gaps)) > 1 or not _is_bsn(unit[0]):
        return 0
    code = _CODE_BEFORE.search(plain, max(0, start - 2), start) or _CODE_AFTER.match(plain, end)
    return 0 if code or _name_before(plain, start) == OTHER else end


def _is_bsn(written: str) -> bool:
    return bsn.is_valid("".join(filter(str.isdecimal, written)))


def _name_before(plain: str, start: int) -> str:
    """Return the name of a number in the words between it and the number before: BSN, OTHER or
    ''."""
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
