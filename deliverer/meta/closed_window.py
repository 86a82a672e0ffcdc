"""Answers that come after the 24 hours in which Meta takes anything: a text may go in the number's
template for it, where it is still an answer. Pure."""

from datetime import datetime
from typing import Any

from deliverer.meta.accounts import Account
from deliverer.meta.graph_api import (
    PUT_OFF_SECONDS,
    Failed,
    HoldForReply,
    RetryLater,
    Sent,
    Verdict,
)
from deliverer.meta.ledger_entry import LedgerEntry
from services.config.numbers import LateAnswerTemplate
from services.contract import REACTION
from services.language.readability import length
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW, REASONS

CLOSED = 131047
"""Meta's code: the citizen wrote over 24 hours ago, by what Meta knows."""
WINDOW_CLOSED = f"window_closed: {REASONS[CLOSED]}"
IN_TEMPLATE = "late_template: in een sjabloon verstuurd, na 24 uur zonder bericht van de inwoner"
NEXT_IN_TEMPLATE = "late_template: gaat zo in een sjabloon, na 24 uur zonder bericht van de inwoner"
HELD = "held: wacht tot de inwoner weer schrijft"
NOT_NEEDED = "not_needed: er wacht niets meer op een bericht van deze inwoner"
MAX_LATE_CHARACTERS = 900
"""Of an answer in a template: Meta takes 1,024 for all of its body, which says what it is, too."""


def is_window_closed(line: LedgerEntry, now: datetime) -> bool:
    """Whether Meta would refuse this because the citizen wrote too long ago, or just did. Of who
    never wrote to us it knows more than we do: they may have, before this was here."""
    if line.content.get("type") == "template":
        return False
    return line.code == CLOSED or (
        line.window_opened_at is not None and now >= line.window_opened_at + CUSTOMER_SERVICE_WINDOW
    )


def late_template(line: LedgerEntry, account: Account, now: datetime) -> dict[str, Any] | None:
    """The template in which it may go all the same; None: in none."""
    if account.late is None or not _answers(line, account, now):
        return None
    return _worded(line.content, account.late)


def held(line: LedgerEntry, account: Account, now: datetime, code: int = 0) -> HoldForReply | None:
    """It waits until they write again, where the number asks them to; None: it fails. For a
    reaction nobody is asked anything."""
    reacts = line.content.get("type") == REACTION
    waits = account.asks and not reacts and _answers(line, account, now)
    return HoldForReply(code, HELD) if waits else None


def mark_sent_in_template(verdict: Verdict) -> Verdict:
    """What became of one that went in the template: whoever asks is told that it did."""
    return Sent(verdict.wamid, IN_TEMPLATE) if isinstance(verdict, Sent) else verdict


def retry_in_template(
    verdict: Verdict, line: LedgerEntry, account: Account, now: datetime
) -> Verdict:
    """Meta's word on the window is the last: what it refuses although we thought it open goes in
    the template, as an attempt with a name of its own; or is held."""
    refused = isinstance(verdict, Failed) and verdict.code == CLOSED
    if not refused or line.content.get("type") == "template":
        return verdict
    if line.tried < PUT_OFF_SECONDS and late_template(line, account, now) is not None:
        return RetryLater(0, CLOSED, NEXT_IN_TEMPLATE)
    return held(line, account, now, CLOSED) or verdict


def _answers(line: LedgerEntry, account: Account, now: datetime) -> bool:
    """Whether they wrote first, not too long ago, and did not say STOP since: a template ordered as
    such needs consent otherwise, and what came of a text by itself is held to no less. What went
    out by itself answers a moment that has passed."""
    if (
        line.automatic
        or line.last_inbound_at is None
        or now - line.last_inbound_at >= account.wrote
    ):
        return False
    return line.stopped_at is None or line.last_inbound_at > line.stopped_at


def _worded(content: dict[str, Any], template: LateAnswerTemplate) -> dict[str, Any] | None:
    """The words of a text, in it; None for anything but a text, or for more words than fit. They
    are never shortened."""
    match content:
        case {"type": "text", "text": {"body": str(body)}}:
            words = " ".join(body.split())  # Meta takes no line ends in a parameter
            if length(words) <= MAX_LATE_CHARACTERS:
                parameter = {"type": "text", "text": words}
                return {
                    "type": "template",
                    "template": {
                        "name": template.name,
                        "language": {"code": template.language},
                        "components": [{"type": "body", "parameters": [parameter]}],
                    },
                }
    return None
