"""Sentences that ask a citizen for their BSN or for a picture of their papers. Pure and linear.

Neither may go by WhatsApp. There are too many ways to ask to list them all, so a citizen's own BSN
(`uw BSN`) counts as asked for, unless the clause that names it denies it or only tells about it.
`een BSN` and `het BSN` are spoken about, and need a word that asks.
"""

import re
import unicodedata
from collections.abc import Iterable

from services.package_data import load_table


def _load_lists() -> dict[str, list[str]]:
    lists = load_table("services.language", "sensitive_requests.toml", dict[str, str])
    return {name: words.split() for name, words in lists.items()}


def _any(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))


_LISTS = _load_lists()
"""Lists of `sensitive_requests.toml`; the file says what each is for."""
_ASK = [*_LISTS["send"], *_LISTS["ask"]]
_ASKS, _STARTS = frozenset(_ASK), frozenset([*_ASK, *_LISTS["start"]])
_FIRST, _CUT, _LATER, _SOFT = (
    frozenset(_LISTS[name]) for name in ("first", "cut", "later", "soft")
)
_FIRST_OR_STARTS = _FIRST | _STARTS

_BREAK = r"(?:\b|(?<=_)|(?=_))"  # marks of bold and italic touch a word
NAMES = {
    "bsn": r"""(?:b[.\ ]{0,2}s[.\ ]{0,2}n|burger[-\ ]?service|sofi|persoons(?=[-\ ]?n)
        |citizen(?:'?s)?[-\ ]service|social[-\ ]security)
        (?:[-\ ]?(?:nummers?|nr|numbers?)|(?<=n))""",
    "picture of papers": r"(?:paspoort|id|rijbewijs)[-\ ]?(?:kopie|scan)",
    "papers": r"""paspoort(?:en)?|passports?|rijbewijs|driv(?:er'?s?|ing)\ licen[cs]e
        |licen[cs]e(?!\ plate)|id(?:[-\ ]?(?:kaart|card|bewijs|document))?
        |identity[-\ ](?:card|document)|identiteits(?:kaart|bewijs|papieren|document)
        |legitimatie(?:bewijs)?
        |verblijfs(?:vergunning|document|pas)|residence\ permit""",
    "picture": r"""foto(?:'?s)?|kopie(?:tje|ën|s)?|fotokopie(?:ën)?|scans?|selfies?|plaatjes?
        |afbeelding(?:en)?|screenshots?|filmpje|video|pdf|photos?|photocop(?:y|ies)|pics?
        |pictures?|images?|cop(?:y|ies)""",
}
"""Word that replaces a thing in a clause -> pattern of all its names."""
_NAMES = tuple(
    (name, re.compile(rf"{_BREAK}(?:{written}){_BREAK}", re.VERBOSE))
    for name, written in NAMES.items()
)

_OWN = "(?:uw|je|jouw|jullie|your)"
_THEIRS = rf"(?:u|je|jou|you|{_OWN})"
_SOME = rf"(?:(?!(?:{_any(_LISTS['not_after'])}) )\S+ ){{0,6}}"
_FEW = r"(?:\S+ ){0,6}"
_TO_US = "(?:(?:ons|me|us|hier|ook|eerst|dan|even|nu|met|with) )*+"
_A_BSN = "(?:een|a|an) bsn"
MENTIONS = tuple(
    map(
        re.compile,
        [
            rf"\b{_OWN} {_SOME}bsn\b",
            rf"\bbsn (?:van|of) {_THEIRS}\b",
            r"\bpicture (?:(?!(?:op|voor|over|bij|for|on|about) )\S+ ){0,6}papers\b",
            rf"\b(?:{_any(_ASK)}) {_TO_US}{_A_BSN}\b",
            rf"\b(?:wij|we|ik) (?:hebben|heb|vragen|missen|need) (?:\S+ ){{0,4}}{_A_BSN}\b",
            r"\b(?:zonder|without) (?:een |a )?bsn (?:\S+ ){0,3}(?:wij|we|ik)\b",
            rf"\b(?:{_any(_LISTS['send'])}) {_TO_US}{_OWN} papers\b",
        ],
    )
)
"""Asks without another word: own BSN, a picture of papers, `geef een BSN`, `app uw paspoort`."""
WEAK = tuple(
    map(
        re.compile,
        [
            r"\b(?<!een )(?<!nieuw )(?<!nieuwe )(?<!\ba )(?<!\ban )bsn\b",
            rf"\b(?:nummer|number) (?:van|op|of|on) {_OWN} papers\b",
            rf"\bpapers {_FEW}picture\b",
            rf"\bpicture {_FEW}papers\b",
        ],
    )
)
"""Asks beside a word that asks."""
ASKED = re.compile(
    r"\b(?:wat is het|what is the|mag ik|mogen (?:wij|we)|may (?:i|we)"
    r"|(?:wij|we) (?:vragen|need|ask)"
    rf"|(?:ik heb|(?:wij|we) hebben|hebben (?:wij|we)|is) {_FEW}nodig"
    r"|(?:wij|we) nodig hebben|missen|missing|ontbreekt|need(?:ed)?|genoeg)\b"
)
"""Asks as the words of `ask` do."""
TELLS = re.compile(
    rf"\b(?:{_any(_LISTS['telling'])}|bsn aanvraag|bij de hand|(?<!niet )vergeten|pas op"
    r"|wilt u (?:\S+ ){0,3}weten"
    rf"|(?:heb|hebben|have) {_FEW}(?:gekregen|ontvangen|gezien|received)"
    rf"|(?:(?:heeft|hebt) (?:u|je)|u heeft|je hebt) {_FEW}nodig)\b"
)
"""Makes a clause tell about a BSN, where nothing in the clause asks."""
ABOUT = re.compile(
    r"\b(?:over|about|helpe?n? (?:u|je|you) (?:\S+ ){0,2}(?:met|bij|with))"
    rf" {_OWN} (?:bsn|papers)\b"
)
"""Names a BSN or papers as a subject only."""

DENIED = re.compile(
    r"\b(?:niet(?! (?:uw|je|jouw|de|het|een|van|later|na|daarna)\b)|nooit|niemand|onnodig|nergens"
    r"|not(?! (?:your|later)\b)|never|cannot|can't|don't|doesn't|won't|needn't|nobody)\b"
)
"""Denies its whole clause."""
DENIED_AFTER = re.compile(
    r"\b(?:geen|no(?! later)|noch|nor|niet (?:uw|je|jouw|de|het|een|van)|not your|vermijd|avoid)\b"
)
"""Denies the words after it."""
WITHOUT = re.compile(r"\b(?:zonder|without)\b")
"""Denies the words after it too; but `niet zonder uw BSN` asks for it."""
NOTHING = re.compile(rf"{DENIED.pattern}|\b(?:geen|niets|no|nothing)\b")
YET = re.compile(
    r"\b(?:vergeet|vergeten|forget|wacht|aarzel|twijfel|hesitate|niet alleen|not only"
    rf"|(?:hebben|have|kennen) (?!{_FEW}(?:nodig|gevraagd)\b){_FEW}(?:nog niet|not yet))\b"
)
"""Beside these a `niet` denies nothing."""

MISLEADING = (
    re.compile(r", ((?:zoals|such as) [^,]{1,60}) ,"),
    re.compile(r"\bniet (?:\S+ ){1,4}?maar ((?:via (?:de )?)?(?:whatsapp|app|hier))\b"),
    re.compile(rf"\b({_any(_ASK)}) maar\b"),  # in `geef maar` the maar is no `but`
)
"""Looks like another clause or a denial and is none; its group says the same."""

_TOKEN = re.compile(r"\w[\w'’]*(?:-\w[\w'’]*)*|[,:;–—-]")
_INVISIBLE = frozenset(["Cf", "Mn"])
LEAD = 200
"""Characters of the line above a list that count."""


def asks_for_sensitive_data(sentence: str, lead: str = "") -> bool:
    """True if the sentence asks for a BSN or for a picture of papers. `lead`: the line above the
    list that holds the sentence, if any."""
    tokens, lead_tokens = _tokens(sentence), _tokens(lead[-LEAD:])
    if tokens == ["bsn", ":"] or (tokens == ["bsn"] and "?" in sentence):
        return True
    if lead_tokens:
        last = _clauses(lead_tokens)[-1]
        if _is_denied(" ".join(last), len(" ".join(last))):
            return False
        tokens = [*last, ":", *tokens]
    return any(_clause_asks(" ".join(clause)) for clause in _clauses(tokens))


def _tokens(sentence: str) -> list[str]:
    """Words of a sentence and the marks between its clauses. A thing always gets the same name."""
    text = unicodedata.normalize("NFKC", sentence).casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFC", "".join(filter(_is_visible, text)))
    for name, names in _NAMES:
        text = names.sub(f" {name} ", text)
    text = " ".join(_TOKEN.findall(text.replace("_", " ")))
    for pattern in MISLEADING:
        text = pattern.sub(r"\1", text)
    return text.split()


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in _INVISIBLE


def _clauses(tokens: list[str]) -> list[list[str]]:
    clauses: list[list[str]] = [[]]
    for n, token in enumerate(tokens):
        if _begins_clause(token, tokens[n - 1] if n else "", tokens[n + 1 : n + 3]):
            clauses.append([])
        clauses[-1].append(token)
    return clauses


def _begins_clause(token: str, before: str, after: list[str]) -> bool:
    """True if a clause begins with this word. A part without a verb belongs to the clause before:
    the `nooit` in `stuur nooit uw naam, adres of BSN` denies all three."""
    if token in _CUT:
        return True
    if token in _LATER and (before in _SOFT or not _FIRST_OR_STARTS.isdisjoint(after[:1])):
        return True
    if token in ("of", "or"):
        return before == "," and not _STARTS.isdisjoint(after[:1])
    if before not in _SOFT:
        return False
    return token in _FIRST or _has_verb([token, *after])


def _has_verb(words: list[str]) -> bool:
    before = ""
    for word in words:
        if word in _SOFT or word in ("of", "or"):
            return False
        if word in _STARTS and before not in ("te", "to"):
            return True
        before = word
    return False


def _clause_asks(clause: str) -> bool:
    clause = ABOUT.sub("", clause)
    demands = not _ASKS.isdisjoint(clause.split()) or bool(ASKED.search(clause))
    if not demands and TELLS.search(clause):
        return False
    patterns = (*MENTIONS, *WEAK) if demands else MENTIONS
    matches = [match for pattern in patterns if (match := pattern.search(clause))]
    return any(not _is_denied(clause, match.end()) for match in matches)


def _is_denied(clause: str, end: int) -> bool:
    """True if the clause denies the words before `end`."""
    if WITHOUT.search(clause, 0, end):
        return not NOTHING.search(clause)
    if YET.search(clause):
        return False
    return bool(DENIED.search(clause) or DENIED_AFTER.search(clause, 0, end))
