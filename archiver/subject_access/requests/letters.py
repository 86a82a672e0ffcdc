"""Letters to citizens about their requests, in plain Dutch (B1). Pure.

The official responsible sends the letter. It holds nothing that the citizen wrote.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import msgspec

from archiver.printing.labels import format_count, format_date, local_date
from archiver.subject_access.legal_notice import COMPLAINT, RIGHTS
from archiver.subject_access.report import Copy
from archiver.subject_access.requests.erasure import Erasure, KeptState
from archiver.subject_access.requests.legal_grounds import Ground, Kind, extension, refusal
from archiver.subject_access.requests.request import Request

GREETING = "Beste heer of mevrouw,"
REQUESTS: dict[Kind, str] = {
    "access": "U wilt weten welke gegevens wij van u hebben in WhatsApp.",
    "rectification": "U wilt dat wij uw gegevens in WhatsApp verbeteren.",
    "erasure": "U wilt dat wij uw gegevens in WhatsApp wissen.",
    "restriction": "U wilt dat wij uw gegevens in WhatsApp een tijd niet gebruiken.",
    "objection": "U wilt niet dat wij uw gegevens in WhatsApp gebruiken.",
}
GRANTED: dict[str, str] = {
    "access": "U krijgt de gegevens bij deze brief.",
    "rectification": "Wij schrijven de verbetering bij het bericht. Het oude bericht blijft staan.",
    "restriction": "Wij gebruiken uw gegevens voorlopig niet.",
    "objection": "Wij stoppen met het gebruik van uw gegevens.",
}
TO_ERASE = (
    "Wij zullen uw gegevens wissen. Dat is nog niet gebeurd. Eerst kijken twee andere medewerkers"
    " of het mag. U krijgt een brief als het klaar is."
)
ERASING = "Wij zijn bezig met wissen. Dat is nog niet klaar. U krijgt een brief als het klaar is."
NOTHING_HELD = "Wij vonden geen gesprekken met u. Er is dus niets om te wissen."
KEPT: dict[KeptState, str] = {
    "taken_out": "dit wissen wij niet, want wij hebben het nog nodig",
    "put_off": "dit wissen wij later",
    "held": "dit mogen wij nu niet wissen, bijvoorbeeld omdat er een bezwaar loopt",
    "open": "dit loopt nog, en wij wissen pas als het is afgesloten",
}
"""State of a conversation that was kept -> the end of a sentence about it."""
DECISIONS = {
    "granted": "Wij doen wat u vroeg.",
    "partly": "Wij doen een deel van wat u vroeg.",
    "refused": "Wij doen niet wat u vroeg.",
}
COPIES = "Hier zijn ook kopieën van uw gegevens:"
KINDS_WITH_COPIES = ("access", "erasure")
"""Kinds of request whose letter lists the copies elsewhere."""
OBJECTION = "Bezwaar maken"


class LetterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a letter says beside the request."""

    copies: Sequence[Copy]
    text: str
    """Explanation of the decision."""
    municipality: str
    today: date
    erasure: Erasure | None = None
    """State of an erasure that was granted."""


def letter(request: Request, facts: LetterFacts) -> str:
    """Return the letter for the request's present state."""
    parts = [
        GREETING,
        _receipt(request),
        *_state(request, facts),
        *_copies(request, facts.copies),
    ]
    if request.decision in ("partly", "refused"):
        parts += [right.text for right in RIGHTS if right.name == OBJECTION]
        parts.append(COMPLAINT)
    day = format_date(facts.today)
    return "\n\n".join([*parts, f"Met vriendelijke groet,\n{facts.municipality}\n{day}"]) + "\n"


def _receipt(request: Request) -> str:
    return (
        f"Op {format_date(request.received_on)} kregen wij uw verzoek. {REQUESTS[request.kind]}"
        f" Het nummer van uw verzoek is {request.id}."
    )


def _state(request: Request, facts: LetterFacts) -> Iterator[str]:
    if request.decision:
        yield _decision(request)
        if facts.text:
            yield facts.text
        if facts.erasure:
            yield from _erasure(facts.erasure)
        return
    if ground := extension(request.extension):
        yield f"{ground.text} {_article(ground)}"
    yield f"U krijgt ons antwoord uiterlijk op {format_date(request.due_on)}."


def _decision(request: Request) -> str:
    sentences = [DECISIONS[str(request.decision)]]
    if request.decision != "refused" and request.kind in GRANTED:
        sentences.append(GRANTED[request.kind])
    if ground := refusal(request.ground, request.kind):
        sentences += [ground.text, _article(ground)]
    return " ".join(sentences)


def _erasure(erasure: Erasure) -> Iterator[str]:
    """Yield what was done, and what will be done and when: a letter never says that something is
    gone before it is."""
    if erasure.destroyed_at:
        number = format_count(erasure.destroyed, "gesprek", "gesprekken")
        day = format_date(local_date(erasure.destroyed_at))
        yield f"Wij hebben {number} met u gewist. Dat was klaar op {day}."
    if erasure.kept:
        kept = [
            f"- {format_count(erasure.kept[each], 'gesprek', 'gesprekken')}: {sentence}."
            for each, sentence in KEPT.items()
            if each in erasure.kept
        ]
        yield "\n".join(["Dit is niet gewist:", *kept])
    if erasure.waiting:
        yield _waiting(erasure)
    elif not erasure.destroyed and not erasure.kept:
        yield NOTHING_HELD


def _waiting(erasure: Erasure) -> str:
    if erasure.state == "approved" and erasure.destroyed_from:
        day = format_date(local_date(erasure.destroyed_from))
        return (
            f"Wij wissen uw gegevens op {day} of kort daarna. Nu is dat nog niet gebeurd."
            " U krijgt een brief als het klaar is."
        )
    return ERASING if erasure.state == "destroying" else TO_ERASE


def _article(ground: Ground) -> str:
    return f"Dat staat in de wet: {ground.article}."


def _copies(request: Request, copies: Sequence[Copy]) -> Iterator[str]:
    if request.kind in KINDS_WITH_COPIES and copies:
        yield "\n".join([COPIES, *_list_copies(copies)])


def _list_copies(copies: Iterable[Copy]) -> Iterator[str]:
    for copy in copies:
        until = f" ({format_date(copy.until)})" if copy.until else ""
        yield f"- {copy.place}: {copy.what}{until}"
