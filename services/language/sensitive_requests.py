"""Does a sentence ask a citizen for their BSN, or for a picture of their papers? Pure, and linear.

Neither may go by WhatsApp. There are too many ways to ask to list them all, so somebody's own BSN
(`uw BSN`) counts as asked for, unless the clause that names it denies it or only tells of it. `een
BSN` and `het BSN` are spoken about, and need a word that asks.
"""

import re
import unicodedata

_BREAK = r"(?:\b|(?<=_)|(?=_))"  # marks of bold and italic stand against a word
NAMES = tuple(
    (name, re.compile(rf"{_BREAK}(?:{written}){_BREAK}", re.VERBOSE))
    for name, written in {
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
    }.items()
)
"""What is looked for, in every name that it has."""


def _any(words: str) -> str:
    return "|".join(map(re.escape, words.split()))


SEND = """app appt appen deel delen fotografeer mail mailen mailt opsturen stuur stuurt sturen
toesturen send share upload uploaden"""
ASK = f"""{SEND} aanleveren add antwoord antwoordt bevestig bevestigen confirm doorgeven enter geef
geeft geven give graag intypen invullen meld melden noem noemen noemt noteer please provide reageer
reageert reply schrijf schrijven state tell toevoegen type typ typen typt vermeld vermelden vermeldt
verstrek verstrekken vertel vertellen vul vullen vult zeg zeggen zet zetten"""
"""Words that make a clause ask, whatever else it tells."""
START = f"""{SEND} {ASK} bel belt ben bent bring call can controleer could do does doe ga geldt had
has have heb hebben hebt heeft hoeft hoeven hou houd houdt is are was kan kies kijk klik kom komt
kun kunnen kunt laat lees maak mag may moet moeten mogen must need neem open should staat vraag
wacht waren will willen wilt would write zal zou zouden zullen"""
"""With one of these among its first three words, what follows a comma is a clause of its own."""
FIRST = "wij we ik u you i they it dat die helpen bellen vinden vragen lezen sturen"
"""The same, as its very first."""
CUT = """maar but want als if wanneer when indien zodat omdat because tenzij unless terwijl while
hoewel although wel ;"""
"""What begins a clause wherever it stands."""
LATER = "dan then anders otherwise dus so daarom therefore"
"""What does after a comma, or before its verb."""
SOFT = ", : - – — en and"
"""Between two clauses, or between two things of one."""
_STARTS, _FIRST, _CUT, _LATER, _SOFT, _ASKS = (
    frozenset(words.split()) for words in (START, FIRST, CUT, LATER, SOFT, ASK)
)

_OWN = "(?:uw|je|jouw|jullie|your)"
_THEIRS = rf"(?:u|je|jou|you|{_OWN})"
_NOT_AFTER = _any(
    """het de een a an the dat die deze dit this that staat is in van voor met op over om te aan bij
    uit geen niet zonder without for with on about"""
)
_SOME = rf"(?:(?!(?:{_NOT_AFTER}) )\S+ ){{0,6}}"
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
            rf"\b(?:{_any(ASK)}) {_TO_US}{_A_BSN}\b",
            rf"\b(?:wij|we|ik) (?:hebben|heb|vragen|missen|need) (?:\S+ ){{0,4}}{_A_BSN}\b",
            r"\b(?:zonder|without) (?:een |a )?bsn (?:\S+ ){0,3}(?:wij|we|ik)\b",
            rf"\b(?:{_any(SEND)}) {_TO_US}{_OWN} papers\b",
        ],
    )
)
"""What asks by itself: own BSN, a picture of papers, `geef een BSN`, `app uw paspoort`."""
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
"""What asks with a word that asks."""
ASKED = re.compile(
    r"\b(?:wat is het|what is the|mag ik|mogen (?:wij|we)|may (?:i|we)"
    r"|(?:wij|we) (?:vragen|need|ask)"
    rf"|(?:ik heb|(?:wij|we) hebben|hebben (?:wij|we)|is) {_FEW}nodig"
    r"|(?:wij|we) nodig hebben|missen|missing|ontbreekt|need(?:ed)?|genoeg)\b"
)
TELLING = """aanvragen bedankt bekijk bescherm beschermen bevat bewaar bewaart bewaren blijft
bring careful contain contains delete deleted find forgot found gaf gebruiken gebruikt gedeeld
geheim gestuurd get gewist houd iemand keep kijk krijg krijgt kwijt look lost mee meebrengen
meenemen oplichter oplichters opzoeken private privé protect ready remove removed safe saw
scammers secret see sent shared someone staat stond stuurde thanks use used veilig veilige
veranderen verwerken verwijder verwijderd verwijderen vind vinden vindt voorzichtig waar waarom
where why wijzigen wis wissen zagen zie zien ziet"""
TELLS = re.compile(
    rf"\b(?:{_any(TELLING)}|bsn aanvraag|bij de hand|(?<!niet )vergeten|pas op"
    r"|wilt u (?:\S+ ){0,3}weten"
    rf"|(?:heb|hebben|have) {_FEW}(?:gekregen|ontvangen|gezien|received)"
    rf"|(?:(?:heeft|hebt) (?:u|je)|u heeft|je hebt) {_FEW}nodig)\b"
)
"""What makes a clause tell of somebody's BSN, where nothing in it asks."""
ABOUT = re.compile(
    r"\b(?:over|about|helpe?n? (?:u|je|you) (?:\S+ ){0,2}(?:met|bij|with))"
    rf" {_OWN} (?:bsn|papers)\b"
)

DENIED = re.compile(
    r"\b(?:niet(?! (?:uw|je|jouw|de|het|een|van|later|na|daarna)\b)|nooit|niemand|onnodig|nergens"
    r"|not(?! (?:your|later)\b)|never|cannot|can't|don't|doesn't|won't|needn't|nobody)\b"
)
"""Takes back all of its clause."""
DENIED_AFTER = re.compile(
    r"\b(?:geen|no(?! later)|noch|nor|niet (?:uw|je|jouw|de|het|een|van)|not your|vermijd|avoid)\b"
)
"""Takes back what stands behind it."""
WITHOUT = re.compile(r"\b(?:zonder|without)\b")
"""So do these; but `niet zonder uw BSN` asks for it."""
NOTHING = re.compile(rf"{DENIED.pattern}|\b(?:geen|niets|no|nothing)\b")
YET = re.compile(
    r"\b(?:vergeet|vergeten|forget|wacht|aarzel|twijfel|hesitate|niet alleen|not only"
    rf"|(?:hebben|have|kennen) (?!{_FEW}(?:nodig|gevraagd)\b){_FEW}(?:nog niet|not yet))\b"
)
"""With these a `niet` takes nothing back."""
TURNED = (
    (re.compile(r", ((?:zoals|such as) [^,]{1,60}) ,"), r"\1"),
    (re.compile(r"\bniet (?:\S+ ){1,4}?maar ((?:via (?:de )?)?(?:whatsapp|app|hier))\b"), r"\1"),
    (re.compile(rf"\b({_any(ASK)}) maar\b"), r"\1"),  # `geef maar`: no `but`
)
"""What looks like another clause or a denial and is none."""
_TOKEN = re.compile(r"\w[\w'’]*(?:-\w[\w'’]*)*|[,:;–—-]")
_INVISIBLE = frozenset(["Cf", "Mn"])
LEAD = 200
"""Characters of the line above a list that are looked at."""


def asks(sentence: str, lead: str = "") -> bool:
    """`lead`: what stands above the list that the sentence is of, if any."""
    said, above = _tokens(sentence), _tokens(lead[-LEAD:])
    if said == ["bsn", ":"] or (said == ["bsn"] and "?" in sentence):
        return True
    if above:
        last = _clauses(above)[-1]
        if _denied(" ".join(last), len(" ".join(last))):
            return False
        said = [*last, ":", *said]
    return any(_asks(" ".join(clause)) for clause in _clauses(said))


def _tokens(sentence: str) -> list[str]:
    """Its words and the marks between its clauses; a name of a thing is always the same word."""
    shown = unicodedata.normalize("NFKC", sentence).casefold()
    if not shown.isascii():
        shown = unicodedata.normalize("NFC", "".join(filter(_visible, shown)))
    for name, written in NAMES:
        shown = written.sub(f" {name} ", shown)
    plain = " ".join(_TOKEN.findall(shown.replace("_", " ")))
    for written, instead in TURNED:
        plain = written.sub(instead, plain)
    return plain.split()


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in _INVISIBLE


def _clauses(tokens: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for n, token in enumerate(tokens):
        if _opens(token, tokens[n - 1] if n else "", tokens[n + 1 : n + 3]):
            found.append([])
        found[-1].append(token)
    return found


def _opens(token: str, before: str, after: list[str]) -> bool:
    """Whether a clause begins with this word. Without a verb of its own it goes on: a `niet` in
    `stuur nooit uw naam, adres of BSN` is for all of them."""
    if token in _CUT:
        return True
    if token in _LATER and (before in _SOFT or not (_STARTS | _FIRST).isdisjoint(after[:1])):
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


def _asks(clause: str) -> bool:
    clause = ABOUT.sub("", clause)
    demands = not _ASKS.isdisjoint(clause.split()) or bool(ASKED.search(clause))
    if not demands and TELLS.search(clause):
        return False
    mentions = (*MENTIONS, *WEAK) if demands else MENTIONS
    found = [match for mention in mentions if (match := mention.search(clause))]
    return any(not _denied(clause, match.end()) for match in found)


def _denied(clause: str, end: int) -> bool:
    """Whether it takes back what stands before `end`."""
    if WITHOUT.search(clause, 0, end):
        return not NOTHING.search(clause)
    if YET.search(clause):
        return False
    return bool(DENIED.search(clause) or DENIED_AFTER.search(clause, 0, end))
