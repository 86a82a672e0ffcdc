"""Plain language, which every text to a citizen must be in, of any author. Pure and linear.

A rule in doubt lets a text pass: a refused text should be wrong to any reader.
"""

import re
from collections.abc import Callable, Iterator

from services.language.sensitive_requests import asks_for_sensitive_data

SENTENCE = 15
"""Words in one sentence, at most: a reader at level B1 reads so many at once."""


def _words_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


LEADING = _words_of(
    "bijv d.w.z dhr dr drs e.g i.e i.v.m ing ir m.b.t mevr mr mrs ms mw nr o.a prof st t.a.v tel"
)
"""Abbreviations before a name or a number, which never end a sentence."""
SHORTENED = _words_of(
    "afd approx art aug blz bv ca dec enz etc excl feb gem incl jan jl jul jun max min mrt no"
    " nov okt resp sep sept zgn"
)
"""Abbreviations that may end a sentence: then the next word has a capital. `a.u.b.` and all others
with dots between may too."""
DOTTED = re.compile(r"(?:\w\.)+\w")

ENDS = "!?…؟"
"""Marks that always end a sentence; the last is the Arabic question mark."""
LISTED = re.compile(r"\s*(?:[^\w\s{]|\w{1,2}[.)]\s)")
"""Start of a line of a list."""

DIALLED = "0123456789+()-/"
"""Characters of a telephone number."""
NO = _words_of("niet geen nooit not no never cannot can't don't")

CALLING = _words_of("bel belt bellen opbellen telefonisch call calling dial ring {telefoon}")
SHORT_NUMBER = re.compile(r"11[23]|140[0-9]{2,3}")
"""112, 113, and numbers of municipalities: 14 and their area code."""
LONG_NUMBER = re.compile(r"(?:00|\+)?31[0-9]{9}|0[0-9]{9}|0[89]00[0-9]{4}")
WRITTEN = _words_of(
    "112nl app balie brief chat chatten desk counter e-mail email form formulier gemeentehuis langs"
    " letter loket mail mailen mailt online post site stadhuis visit website"
    " schalter belediyeye urzędu البلدية муніципалітету"
    " {adres} {formulier} {link} {mail} {website}"
)
"""Ways to a person or a form without a telephone call."""
ADDRESS = re.compile(r"\S+@\S+|https?://\S+|[\w.-]*\w\.[a-z]{2,}(?:/\S*)?")
"""Address of mail or of a website."""


def readability_faults(text: str, fill: Callable[[str], str] = str) -> Iterator[str]:
    """Faults of a text, a sentence for each. `fill` replaces placeholders by their values before
    words are counted and weighed."""
    if not any(map(str.isalnum, text)):
        yield "is empty"
    said = clauses(text)
    for sentence, lead in said:
        filled = fill(sentence)
        within = clauses(filled) if filled != sentence else [(sentence, "")]
        if (count := words(filled)) > SENTENCE:
            yield f"a sentence of {count} words, {SENTENCE} at most: {_shorten(sentence)}"
        if any(asks_for_sensitive_data(clause, above or fill(lead)) for clause, above in within):
            yield f"asks for what may not go by WhatsApp: {_shorten(sentence)}"
    if _offers_phone_only([sentence for sentence, _ in said]):
        yield "names the telephone as the only way on"


def sentences(text: str) -> list[str]:
    """Sentences of a text. One goes on over a line end, unless a list or an empty line begins."""
    return [sentence for sentence, _ in clauses(text)]


def clauses(text: str) -> list[tuple[str, str]]:
    """Sentences of a text, each with the line above the list that holds the sentence, or ''."""
    collected: list[tuple[list[str], str]] = []
    is_open = False
    for line, lead in _lines(text):
        parts = line.split()
        is_open = is_open and bool(parts) and any(map(str.isalnum, parts[0]))
        for part, following in zip(parts, [*parts[1:], ""], strict=False):
            if not is_open:
                collected.append(([], lead))
            collected[-1][0].append(part)
            is_open = not _ends_sentence(part, following)
        is_open = is_open and not line.rstrip().endswith(":")
    joined = ((" ".join(parts), lead) for parts, lead in collected)
    return [(sentence, lead) for sentence, lead in joined if words(sentence)]


def is_question(text: str) -> bool:
    """True if a sentence of the text asks for a BSN or for a picture of papers."""
    return any(asks_for_sensitive_data(sentence, lead) for sentence, lead in clauses(text))


def words(sentence: str) -> int:
    """Words as a person counts them: an address is one, so is a telephone number with spaces."""
    count, number = 0, False
    for part in sentence.split():
        bare = part.rstrip(".,:;!?")
        digits = not bare.strip(DIALLED)
        if any(map(str.isalnum, bare)) and not (digits and number):
            count += 1
        number = digits and bare == part
    return count


def offers_phone_only(text: str) -> bool:
    """True if the text says to call and offers no other way. A way it advises against is none."""
    return _offers_phone_only(sentences(text))


def _offers_phone_only(said: list[str]) -> bool:
    ways = [sentence for sentence in said if not NO & set(_terms(sentence))]
    return any(map(_offers_phone, ways)) and not any(map(_offers_other_way, ways))


def length(text: str) -> int:
    """Length as Meta counts it. Meta says "characters", and not whether it means code points or
    UTF-16 units, so this is the larger of the two."""
    return max(len(text), len(text.encode("utf-16-le", "surrogatepass")) // 2)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Lines of a text, each with the sentence with a colon above its list, or ''."""
    lead, first = "", False
    for line in text.splitlines():
        if line.strip():
            lead = lead if first or LISTED.match(line) else ""
            first = False
        yield line, lead
        if line.rstrip().endswith(":") and not lead:
            lead, first = re.split(r"[.!?]\s", line)[-1], True


def _ends_sentence(part: str, following: str) -> bool:
    """True if a sentence ends with this word. Marks may follow the stop: quotes, `*` for bold."""
    end = next((n for n in range(len(part), 0, -1) if part[n - 1].isalnum()), 0)
    marks = part[end:]
    if any(mark in marks for mark in ENDS):
        return True
    stem = part[:end].lstrip("([{*_~\"'“‘").casefold()
    if "." not in marks or stem in LEADING:
        return False
    shortened = stem in SHORTENED or DOTTED.fullmatch(stem) or (len(stem) == 1 and stem.isalpha())
    return not shortened or following[:1].isupper()


def _terms(sentence: str) -> list[str]:
    """Words of a sentence without the marks around them, but with the braces of a placeholder."""
    return [part.strip(".,:;!?…()[]\"'“”‘’*_~") for part in sentence.casefold().split()]


def _offers_phone(sentence: str) -> bool:
    terms = _terms(sentence)
    return bool(CALLING & set(terms)) or any(map(_is_phone_number, _join_digits(terms)))


def _join_digits(terms: list[str]) -> Iterator[str]:
    """Digits of each run of numbers: `088 - 123 45 67` is one number."""
    run = ""
    for term in [*terms, "end"]:
        if term.strip(DIALLED):
            yield run
            run = ""
        else:
            run += re.sub(r"[()/-]", "", term)


def _is_phone_number(digits: str) -> bool:
    return bool(SHORT_NUMBER.fullmatch(digits) or LONG_NUMBER.fullmatch(digits))


def _offers_other_way(sentence: str) -> bool:
    terms = _terms(sentence)
    return bool(WRITTEN & set(terms)) or any(map(ADDRESS.fullmatch, terms))


def _shorten(sentence: str) -> str:
    return sentence if len(sentence) <= 60 else f"{sentence[:59]}…"
