"""Letters to citizens about their requests, in plain Dutch (B1). Pure.

The official responsible sends the letter. It holds nothing that the citizen wrote.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from archiver.subject_access.legal_notice import COMPLAINT, RIGHTS
from archiver.subject_access.pdf.labels import day
from archiver.subject_access.report import Copy
from archiver.subject_access.requests.legal_grounds import Ground, Kind, extension, refusal
from archiver.subject_access.requests.store import Request

GREETING = "Beste heer of mevrouw,"
WHAT: dict[Kind, str] = {
    "access": "U wilt weten welke gegevens wij van u hebben in WhatsApp.",
    "rectification": "U wilt dat wij uw gegevens in WhatsApp verbeteren.",
    "erasure": "U wilt dat wij uw gegevens in WhatsApp wissen.",
    "restriction": "U wilt dat wij uw gegevens in WhatsApp een tijd niet gebruiken.",
    "objection": "U wilt niet dat wij uw gegevens in WhatsApp gebruiken.",
}
GRANTED: dict[Kind, str] = {
    "access": "U krijgt de gegevens bij deze brief.",
    "rectification": "Wij schrijven de verbetering bij het bericht. Het oude bericht blijft staan.",
    "erasure": "Wij wissen uw gegevens.",
    "restriction": "Wij gebruiken uw gegevens voorlopig niet.",
    "objection": "Wij stoppen met het gebruik van uw gegevens.",
}
DECISIONS = {
    "granted": "Wij doen wat u vroeg.",
    "partly": "Wij doen een deel van wat u vroeg.",
    "refused": "Wij doen niet wat u vroeg.",
}
COPIES = "Hier zijn ook kopieën van uw gegevens:"
TELLING = ("access", "erasure")
"""Kinds of request whose letter lists the copies elsewhere."""
OBJECT = "Bezwaar maken"


def letter(
    request: Request, copies: Sequence[Copy], text: str, municipality: str, today: date
) -> str:
    """Return the letter for the request's present state. `text`: explanation of the decision."""
    parts = [GREETING, _received(request), *_now(request, text), *_copies(request, copies)]
    if request.decision in ("partly", "refused"):
        parts += [right.text for right in RIGHTS if right.name == OBJECT]
        parts.append(COMPLAINT)
    return "\n\n".join([*parts, f"Met vriendelijke groet,\n{municipality}\n{day(today)}"]) + "\n"


def _received(request: Request) -> str:
    return (
        f"Op {day(request.received_on)} kregen wij uw verzoek. {WHAT[request.kind]}"
        f" Het nummer van uw verzoek is {request.id}."
    )


def _now(request: Request, text: str) -> Iterator[str]:
    if request.decision:
        yield _decided(request)
        if text:
            yield text
        return
    if ground := extension(request.extension):
        yield f"{ground.text} {_article(ground)}"
    yield f"U krijgt ons antwoord uiterlijk op {day(request.due_on)}."


def _decided(request: Request) -> str:
    said = [DECISIONS[str(request.decision)]]
    if request.decision != "refused":
        said.append(GRANTED[request.kind])
    if ground := refusal(request.ground, request.kind):
        said += [ground.text, _article(ground)]
    return " ".join(said)


def _article(ground: Ground) -> str:
    return f"Dat staat in de wet: {ground.article}."


def _copies(request: Request, copies: Sequence[Copy]) -> Iterator[str]:
    if request.kind in TELLING and copies:
        yield "\n".join([COPIES, *_listed(copies)])


def _listed(copies: Iterable[Copy]) -> Iterator[str]:
    for copy in copies:
        until = f" ({day(copy.until)})" if copy.until else ""
        yield f"- {copy.place}: {copy.what}{until}"
