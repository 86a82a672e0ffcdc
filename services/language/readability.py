"""Plain language: what every text to a citizen is held to, whoever wrote it. Pure, and linear.

A rule errs on the side of letting a text pass: what it refuses should be wrong to any reader.
"""

import re
from collections.abc import Callable, Iterator

from services.language.sensitive_requests import asks

SENTENCE = 15
"""Words in one sentence, at most: what somebody at level B1 reads in one go."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


LEADING = _set(
    "bijv d.w.z dhr dr drs e.g i.e i.v.m ing ir m.b.t mevr mr mrs ms mw nr o.a prof st t.a.v tel"
)
"""Abbreviations that stand before something, a name or a number, and so never end a sentence."""
SHORTENED = _set(
    "afd approx art aug blz bv ca dec enz etc excl feb gem incl jan jl jul jun max min mrt no"
    " nov okt resp sep sept zgn"
)
"""Abbreviations that may: then the next word has a capital. So may `a.u.b.` and all like it."""
DOTTED = re.compile(r"(?:\w\.)+\w")

LISTED = re.compile(r"\s*(?:[^\w\s{]|\w{1,2}[.)]\s)")
"""How a line of a list begins."""

DIALLED = "0123456789+()-/"
"""What a telephone number is written with."""
NO = _set("niet geen nooit not no never cannot can't don't")

CALLING = _set("bel belt bellen opbellen telefonisch call calling dial ring {telefoon}")
SHORT_NUMBER = re.compile(r"11[23]|140[0-9]{2,3}")
"""112, 113, and what municipalities have: 14 and their area code."""
LONG_NUMBER = re.compile(r"(?:00|\+)?31[0-9]{9}|0[0-9]{9}|0[89]00[0-9]{4}")
WRITTEN = _set(
    "app balie brief chat chatten desk counter e-mail email form formulier gemeentehuis langs"
    " letter loket mail mailen mailt online post site stadhuis visit website"
    " {adres} {formulier} {link} {mail} {website}"
)
"""Ways on that need no telephone call."""
ADDRESS = re.compile(r"\S+@\S+|https?://\S+|[\w.-]*\w\.[a-z]{2,}(?:/\S*)?")
"""Of mail or of a website."""


def faults(text: str, fill: Callable[[str], str] = str) -> Iterator[str]:
    """What is wrong with a text, a sentence for each. `fill` puts the values of placeholders in
    their places before words are counted and weighed."""
    if not any(map(str.isalnum, text)):
        yield "is empty"
    for sentence, lead in told(text):
        filled = fill(sentence)
        if (count := words(filled)) > SENTENCE:
            yield f"a sentence of {count} words, {SENTENCE} at most: {_begin(sentence)}"
        if any(asks(said, above or fill(lead)) for said, above in told(filled)):
            yield f"asks for what may not go by WhatsApp: {_begin(sentence)}"
    if only_by_phone(text):
        yield "names the telephone as the only way on"


def sentences(text: str) -> list[str]:
    """A sentence goes on over the end of a line, unless a list or an empty line begins there."""
    return [sentence for sentence, _ in told(text)]


def told(text: str) -> list[tuple[str, str]]:
    """Each sentence, with the one that leads in the list that it stands in, or ''."""
    found: list[tuple[list[str], str]] = []
    goes_on = False
    for line, lead in _led(text):
        parts = line.split()
        goes_on = goes_on and bool(parts) and any(map(str.isalnum, parts[0]))
        for part, following in zip(parts, [*parts[1:], ""], strict=False):
            if not goes_on:
                found.append(([], lead))
            found[-1][0].append(part)
            goes_on = not _ends(part, following)
        goes_on = goes_on and not line.rstrip().endswith(":")
    joined = ((" ".join(parts), lead) for parts, lead in found)
    return [(sentence, lead) for sentence, lead in joined if words(sentence)]


def asking(text: str) -> bool:
    """Whether it asks for a BSN or for a picture of papers, anywhere."""
    return any(asks(sentence, lead) for sentence, lead in told(text))


def words(sentence: str) -> int:
    """As a person counts them: an address is one, and so is a telephone number with spaces."""
    count, number = 0, False
    for part in sentence.split():
        bare = part.rstrip(".,:;!?")
        digits = not bare.strip(DIALLED)
        if any(map(str.isalnum, bare)) and not (digits and number):
            count += 1
        number = digits and bare == part
    return count


def only_by_phone(text: str) -> bool:
    """Whether it tells to call and names no other way. What it says not to do is no way."""
    ways = [sentence for sentence in sentences(text) if not NO & set(_terms(sentence))]
    return any(map(_calls, ways)) and not any(map(_written, ways))


def length(text: str) -> int:
    """Meta says "characters"; whether code points or UTF-16 units is not known, so the larger."""
    return max(len(text), len(text.encode("utf-16-le", "surrogatepass")) // 2)


def _led(text: str) -> Iterator[tuple[str, str]]:
    """Each line with what leads in its list: a sentence with a colon, until a line that is of no
    list."""
    lead, first = "", False
    for line in text.splitlines():
        if line.strip():
            lead = lead if first or LISTED.match(line) else ""
            first = False
        yield line, lead
        if line.rstrip().endswith(":") and not lead:
            lead, first = re.split(r"[.!?]\s", line)[-1], True


def _ends(part: str, following: str) -> bool:
    """Whether a sentence ends with this word. Marks may follow the stop: quotes, `*` for bold."""
    end = next((n for n in range(len(part), 0, -1) if part[n - 1].isalnum()), 0)
    marks = part[end:]
    if any(mark in marks for mark in "!?…"):
        return True
    stem = part[:end].lstrip("([{*_~\"'“‘").casefold()
    if "." not in marks or stem in LEADING:
        return False
    shortened = stem in SHORTENED or DOTTED.fullmatch(stem) or (len(stem) == 1 and stem.isalpha())
    return not shortened or following[:1].isupper()


def _terms(sentence: str) -> list[str]:
    """Its words without the marks around them; braces of a placeholder stay."""
    return [part.strip(".,:;!?…()[]\"'“”‘’*_~") for part in sentence.casefold().split()]


def _calls(sentence: str) -> bool:
    terms = _terms(sentence)
    return bool(CALLING & set(terms)) or any(map(_is_number, _joined(terms)))


def _joined(terms: list[str]) -> Iterator[str]:
    """Digits of each run of numbers: `088 - 123 45 67` is one number."""
    run = ""
    for term in [*terms, "end"]:
        if term.strip(DIALLED):
            yield run
            run = ""
        else:
            run += re.sub(r"[()/-]", "", term)


def _is_number(digits: str) -> bool:
    return bool(SHORT_NUMBER.fullmatch(digits) or LONG_NUMBER.fullmatch(digits))


def _written(sentence: str) -> bool:
    terms = _terms(sentence)
    return bool(WRITTEN & set(terms)) or any(map(ADDRESS.fullmatch, terms))


def _begin(sentence: str) -> str:
    return sentence if len(sentence) <= 60 else f"{sentence[:59]}…"
