"""Does a text hold a BSN or an IBAN, and where? Pure.

One in eleven numbers of nine digits passes the test of a BSN, so how it is written and what it is
called counts too: phone numbers, dates, amounts and what is called a zaaknummer are none. What
remains is flagged: a warning too many is better than a BSN that goes on to a CRM.
"""

import re
from collections.abc import Collection, Iterable, Iterator

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

_INVISIBLE = r"\u200b-\u200f\u202a-\u202e\u2060\ufeff"
_KEY = r"\ufe0f\u20e3"  # after a digit it makes an emoji of it
_ANY = rf"[\s{_INVISIBLE}{_KEY}./\-\u2010-\u2015\u2212]{{0,3}}"
_TIGHT = rf"(?:[./\-\u2010-\u2015\u2212]|[{_KEY}]{{1,2}})"
_GAP = rf"(?=[^\S\n])[^\S\n{_INVISIBLE}]{{1,2}}(?:[./\-\u2013][^\S\n])?"
_SMALL = rf"\d{{1,4}}+(?!{_TIGHT}?\d)"
_UNIT = re.compile(rf"{_SMALL}(?:({_GAP}){_SMALL}(?:\1{_SMALL})*+)?|\d++(?:{_TIGHT}\d++)*+")
"""What is written as one number: small groups with the same space between, or whatever holds
together without any."""

_EIGHT_DIGITS = re.compile(r"(?:\D*+\d){8}")
_NINE = re.compile(rf"(?:\d{_ANY}){{8}}\d(?!\d)")
_EIGHT = re.compile(rf"(?:\d{_ANY}){{7}}\d(?!\d)")
_OTHER_DIGIT = re.compile(r"[^\D0-9]")
_FULLWIDTH_LETTER = re.compile("[\uff21-\uff3a\uff41-\uff5a]")

_IBAN_GAP = rf"[\s{_INVISIBLE}.\-]{{0,2}}"
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
            rf"(?:\+|(?<!\d)00){_ANY}31{_ANY}(?:\(0\))?(?:{_ANY}\d){{9}}(?!\d)",
            rf"(?:\+|(?<!\d)00)(?:{_ANY}\d){{9,15}}(?!\d)",
            rf"(?<!\d)(?=0[1-9]\d{{0,2}}\D)0(?:{_ANY}\d){{9}}(?!\d)",
            r"(?<![\d.])(?:\d{1,3}(?:\.\d{3})++|\d{1,7}),(?:\d\d(?!\d)|-)",
        ]
    )
    + ")"
)
"""Our own marks; dates; telephone numbers with a country (ours, others') and without; amounts."""

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
    if not _EIGHT_DIGITS.match(text):  # most of them
        return ()
    plain = _plain(text)
    ibans = [Finding(IBAN, *span) for span in _ibans(plain)]
    rest = _replaced(plain, [(each, "\0" * (each.end - each.start)) for each in ibans])
    rest = _NO_BSN.sub(lambda match: "\0" * len(match[0]), rest)
    bsns = [Finding(BSN, *span) for span in _bsns(rest)]
    return tuple(sorted([*ibans, *bsns], key=lambda each: each.start))


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


def _plain(text: str) -> str:
    """The same characters at the same places, digits and letters of other shapes in ASCII."""
    if text.isascii():
        return text
    digits = _OTHER_DIGIT.sub(lambda match: str(int(match[0])), text)
    return _FULLWIDTH_LETTER.sub(lambda match: chr(ord(match[0]) - 0xFEE0), digits)


def _ibans(plain: str) -> Iterator[tuple[int, int]]:
    at = 0
    for start in _IBAN_START.finditer(plain):
        written = _COUNTRIES.get(start[1].upper())
        match = written.match(plain, start.start()) if written else None
        if match and match.start() >= at and _is_iban(match[0]):
            at = match.end()
            yield match.span()


def _is_iban(written: str) -> bool:
    """Half of it must be digits: else words with a number between them pass once in 97 times."""
    characters = re.sub(r"[^A-Za-z0-9]", "", written)
    if 2 * sum(map(str.isdigit, characters)) < len(characters):
        return False
    turned = characters[4:] + characters[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


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
