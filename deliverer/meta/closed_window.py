"""Answers outside the customer service window of 24 hours, which Meta refuses. What is still an
answer may go in the number's template for late answers, else by Meta's Direct Send. Pure."""

from datetime import datetime, timedelta
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

DIRECTLY = "direct_send: zonder eigen sjabloon verstuurd, na 24 uur zonder bericht van de inwoner"
NEXT_DIRECTLY = (
    "direct_send: gaat zo zonder eigen sjabloon, na 24 uur zonder bericht van de inwoner"
)
MAX_DIRECT_CHARACTERS = 1024
"""Longest text by Direct Send, which is that of a template's body. Of what has buttons, the parts
have the same bounds at any time, and the gateway holds to them."""
DIRECT_BUTTONS = ("button", "cta_url")
"""Kinds of interactive message that Direct Send takes."""
DIRECT_SEND_PAUSE = timedelta(days=1)
"""Time after a refusal in which a number does not try Direct Send again. Meta lets an account in,
or ends its block, by a person's decision."""
DIRECT_SEND_REFUSALS = {
    100: "Meta does not let this account use Direct Send (code 100): ask Meta or the BSP for it, or"
    " take direct_send away.",
    139200: "Meta has blocked Direct Send for this account (code 139200): see WhatsApp Manager, or"
    " take direct_send away.",
    **dict.fromkeys(
        WINDOW_CLOSED_CODES,
        "Meta took a late answer for an ordinary message: the BSP may not pass on Direct Send. Ask"
        " it, or take direct_send away.",
    ),
}
"""Code -> sentence for an operator. Our own payload is right, so 100 says that the account is not
let in."""


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


def direct_content(entry: LedgerEntry, account: Account, now: datetime) -> dict[str, Any] | None:
    """Return the content with which a late answer may go by Direct Send, or None. Meta keeps a
    template of it, so no confidential department uses it."""
    may_try = (
        account.direct_send
        and not entry.direct_send_refused
        and account.confidential.isdisjoint(entry.departments)
    )
    if not may_try or not _is_still_answer(entry, account, now):
        return None
    content = _take_direct_content(entry.content)
    return content and content | {"category": "utility"}


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


def mark_sent_directly(verdict: Verdict) -> Verdict:
    """The same for Direct Send."""
    if not isinstance(verdict, Sent):
        return verdict
    return Sent(verdict.wamid, verdict.reason or DIRECTLY)


def direct_send_refusal(verdict: Verdict) -> str:
    """Return why Meta refused Direct Send, for the operator; '' if it did not refuse that."""
    return DIRECT_SEND_REFUSALS.get(verdict.code, "") if isinstance(verdict, Failed) else ""


def retry_late(verdict: Verdict, entry: LedgerEntry, account: Account, now: datetime) -> Verdict:
    """Retry as a late answer, or hold, what Meta refuses although we thought the window open. The
    retry is a separate attempt with its own id."""
    is_refused = isinstance(verdict, Failed) and verdict.code in WINDOW_CLOSED_CODES
    if not is_refused or entry.content.get("type") == "template":
        return verdict
    if entry.tried < MAX_RETRY_SECONDS and late_template(entry, account, now) is not None:
        return RetryLater(0, WINDOW_CLOSED_CODE, NEXT_IN_TEMPLATE)
    if entry.tried < MAX_RETRY_SECONDS and direct_content(entry, account, now) is not None:
        return RetryLater(0, WINDOW_CLOSED_CODE, NEXT_DIRECTLY)
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


def _take_direct_content(content: dict[str, Any]) -> dict[str, Any] | None:
    """Return what Direct Send takes of a content, which is all words and buttons of it; None if it
    has a file, is too long, or is of another type."""
    match content:
        case {"type": "text", "text": {"body": str(body)}}:
            fits = length(body) <= MAX_DIRECT_CHARACTERS
            return {"type": "text", "text": {"body": body}} if fits else None
        case {"type": "interactive", "interactive": {"type": str(kind)}}:
            header = content["interactive"].get("header", {"type": "text"})
            return content if kind in DIRECT_BUTTONS and header["type"] == "text" else None
    return None
