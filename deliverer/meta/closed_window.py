"""Answers outside the customer service window of 24 hours, which Meta refuses. A text that is still
an answer may go in the number's template for late answers. Pure."""

from datetime import datetime
from typing import Any

from deliverer.meta.accounts import Account
from deliverer.meta.graph_api import (
    MAX_RETRY_SECONDS,
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
from services.whatsapp.delivery_status import (
    CUSTOMER_SERVICE_WINDOW,
    REASONS,
    WINDOW_CLOSED_CODE,
    WINDOW_CLOSED_CODES,
)

WINDOW_CLOSED = f"window_closed: {REASONS[WINDOW_CLOSED_CODE]}"
IN_TEMPLATE = "late_template: in een sjabloon verstuurd, na 24 uur zonder bericht van de inwoner"
NEXT_IN_TEMPLATE = "late_template: gaat zo in een sjabloon, na 24 uur zonder bericht van de inwoner"
HELD = "held: wacht tot de inwoner weer schrijft"
NOT_NEEDED = "not_needed: er wacht niets meer op een bericht van deze inwoner"
MAX_LATE_CHARACTERS = 900
"""Longest answer in a template. Meta takes 1,024 characters for the whole body, and the template
adds an introduction."""


def is_window_closed(entry: LedgerEntry, now: datetime) -> bool:
    """True if Meta has just refused this, or would refuse it, because the citizen wrote too long
    ago. If we never saw them write, Meta decides: they may have written before our time."""
    if entry.content.get("type") == "template":
        return False
    return entry.code == WINDOW_CLOSED_CODE or (
        entry.window_opened_at is not None
        and now >= entry.window_opened_at + CUSTOMER_SERVICE_WINDOW
    )


def late_template(entry: LedgerEntry, account: Account, now: datetime) -> dict[str, Any] | None:
    """Return the template in which a late answer may go, or None."""
    if account.late_template is None or not _is_still_answer(entry, account, now):
        return None
    return _fill_template(entry.content, account.late_template)


def hold_for_reply(
    entry: LedgerEntry, account: Account, now: datetime, code: int = 0
) -> HoldForReply | None:
    """Hold a late answer until the citizen writes, if its number asks them to; None: it fails. We
    ask no citizen to write for the sake of a reaction."""
    is_reaction = entry.content.get("type") == REACTION
    may_wait = account.asks_to_reopen and not is_reaction and _is_still_answer(entry, account, now)
    return HoldForReply(code, HELD) if may_wait else None


def mark_sent_in_template(verdict: Verdict) -> Verdict:
    """Add to a sent message that it went in the template, so that its sender can see that."""
    if not isinstance(verdict, Sent):
        return verdict
    return Sent(verdict.wamid, verdict.reason or IN_TEMPLATE)


def retry_in_template(
    verdict: Verdict, entry: LedgerEntry, account: Account, now: datetime
) -> Verdict:
    """Retry in the template, or hold, what Meta refuses although we thought the window open. The
    retry is a separate attempt with its own id."""
    is_refused = isinstance(verdict, Failed) and verdict.code in WINDOW_CLOSED_CODES
    if not is_refused or entry.content.get("type") == "template":
        return verdict
    if entry.tried < MAX_RETRY_SECONDS and late_template(entry, account, now) is not None:
        return RetryLater(0, WINDOW_CLOSED_CODE, NEXT_IN_TEMPLATE)
    return hold_for_reply(entry, account, now, WINDOW_CLOSED_CODE) or verdict


def _is_still_answer(entry: LedgerEntry, account: Account, now: datetime) -> bool:
    """True if the citizen wrote first, not too long ago, and did not send STOP since. A template
    that an employee orders needs consent otherwise, and one that we make of a text needs no less.
    An automatic message answers a moment that has passed, so it is no answer now."""
    if (
        entry.automatic
        or entry.last_inbound_at is None
        or now - entry.last_inbound_at >= account.recent_contact
    ):
        return False
    return entry.stopped_at is None or entry.last_inbound_at > entry.stopped_at


def _fill_template(content: dict[str, Any], template: LateAnswerTemplate) -> dict[str, Any] | None:
    """Return the template with the text filled in; None if the content is no text or too long. We
    never shorten an answer."""
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
