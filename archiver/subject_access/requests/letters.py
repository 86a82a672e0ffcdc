"""Letters to citizens about their requests, in plain Dutch (B1). Pure.

The official responsible sends the letter. It holds nothing that the citizen wrote.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from archiver.subject_access.legal_notice import COMPLAINT, RIGHTS
from archiver.subject_access.pdf.labels import format_date
from archiver.subject_access.report import Copy
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
GRANTED: dict[Kind, str] = {
    "access": "U krijgt de gegevens bij deze brief.",
    "rectification": "Wij schrijven de verbetering bij het bericht. Het oude bericht blijft staan.",
    "erasure": "Wij moeten uw gegevens wissen. Dat is nog niet gebeurd.",
    "restriction": "Wij gebruiken uw gegevens voorlopig niet.",
    "objection": "Wij stoppen met het gebruik van uw gegevens.",
}
DECISIONS = {
    "granted": "Wij doen wat u vroeg.",
    "partly": "Wij doen een deel van wat u vroeg.",
    "refused": "Wij doen niet wat u vroeg.",
}
COPIES = "Hier zijn ook kopieën van uw gegevens:"
KINDS_WITH_COPIES = ("access", "erasure")
"""Kinds of request whose letter lists the copies elsewhere."""
OBJECTION = "Bezwaar maken"


def letter(
    request: Request, copies: Sequence[Copy], text: str, municipality: str, today: date
) -> str:
    """Return the letter for the request's present state. `text`: explanation of the decision."""
    parts = [GREETING, _receipt(request), *_state(request, text), *_copies(request, copies)]
    if request.decision in ("partly", "refused"):
        parts += [right.text for right in RIGHTS if right.name == OBJECTION]
        parts.append(COMPLAINT)
    return (
        "\n\n".join([*parts, f"Met vriendelijke groet,\n{municipality}\n{format_date(today)}"])
        + "\n"
    )


def _receipt(request: Request) -> str:
    return (
        f"Op {format_date(request.received_on)} kregen wij uw verzoek. {REQUESTS[request.kind]}"
        f" Het nummer van uw verzoek is {request.id}."
    )


def _state(request: Request, text: str) -> Iterator[str]:
    if request.decision:
        yield _decision(request)
        if text:
            yield text
        return
    if ground := extension(request.extension):
        yield f"{ground.text} {_article(ground)}"
    yield f"U krijgt ons antwoord uiterlijk op {format_date(request.due_on)}."


def _decision(request: Request) -> str:
    sentences = [DECISIONS[str(request.decision)]]
    if request.decision != "refused":
        sentences.append(GRANTED[request.kind])
    if ground := refusal(request.ground, request.kind):
        sentences += [ground.text, _article(ground)]
    return " ".join(sentences)


def _article(ground: Ground) -> str:
    return f"Dat staat in de wet: {ground.article}."


def _copies(request: Request, copies: Sequence[Copy]) -> Iterator[str]:
    if request.kind in KINDS_WITH_COPIES and copies:
        yield "\n".join([COPIES, *_list_copies(copies)])


def _list_copies(copies: Iterable[Copy]) -> Iterator[str]:
    for copy in copies:
        until = f" ({format_date(copy.until)})" if copy.until else ""
        yield f"- {copy.place}: {copy.what}{until}"
