"""Findings about a number: the checks, the states, and the answers that show nothing. Pure."""

import re
from datetime import datetime
from typing import Any, Literal

import msgspec

from deliverer.meta.graph_api import decode_object, error_code
from deliverer.transport.response import Response

State = Literal["fine", "warning", "wrong", "unknown", "not_offered"]
STATES: tuple[State, ...] = ("fine", "warning", "wrong", "unknown", "not_offered")
"""`not_offered` raises no alarm; `unknown` does for MUST_BE_SHOWN."""
Check = Literal[
    "subscription", "fields", "version", "token", "quality",
    "name", "connection", "limit", "payment", "certificate", "direct_send",
]  # fmt: skip
CHECKS: dict[Check, str] = {
    "subscription": "the app receives the webhooks of the WhatsApp Business Account",
    "fields": "the app receives every kind of webhook that Postkamer needs",
    "version": "the Graph version in the address is not about to end",
    "token": "the access token is valid, and may do what Postkamer needs",
    "quality": "the quality that Meta gives the number",
    "name": "the name that citizens see is approved",
    "connection": "the number is connected to Meta",
    "limit": "citizens to whom the portfolio may write first, in 24 hours",
    "payment": "nothing blocks messages: payment, bans, verification",
    "certificate": "the certificate of the address to which webhooks are sent",
}
"""Check of the hourly look -> its subject, for operators."""
LEARNED: dict[Check, str] = {"direct_send": "Meta takes late answers by Direct Send"}
"""Check whose finding comes from sending, and is there only while it is no good."""
MUST_BE_SHOWN: tuple[Check, ...] = ("subscription", "token", "connection", "payment")
"""Checks that Meta shows to any good token."""

NO_ANSWER = "There was no answer; nothing is known yet."
NOT_META = "The answer is not Meta's: look at the address, or at a proxy before it."
TOKEN_REFUSED = "The access token is not accepted (code 190): see the check of the token."
NOT_SHOWN = (
    "Meta does not show this to the token (code {}): give it whatsapp_business_management,"
    " and assign the WhatsApp Business Account to its system user."
)
NO_OBJECT = "Meta knows no such number, account or field (code {}), or hides it from the token."
OTHER_CODE = "Meta refuses to show this (code {})."
OTHER_STATUS = "The answer was HTTP status {} without a code of Meta's."
NOT_OFFERED = "Not offered by {}."

TRANSIENT_CODES = frozenset({1, 2, 4, 17, 32, 341, 613, 80007, 80008, 131000, 131016, 131057})
"""Codes of temporary trouble and of limits on calls: as good as no answer."""
PERMISSION_CODES = frozenset({3, 10, 15})
"""Codes of a missing permission, besides 200 to 299. 15: the call is for the app's own token."""
NO_OBJECT_CODES = frozenset({33, 100, 803})
TOKEN_CODE = 190
WORD = re.compile(r"[A-Z0-9_]{1,40}")
"""A word of Meta's vocabulary, which may be repeated; a name or a text never looks like this."""


class Finding(msgspec.Struct, frozen=True):
    """Result of one check of one number."""

    state: State
    detail: str
    """Sentence for an operator, from our own tables: no token, no text of Meta's."""
    until: datetime | None = None
    """End of the token, the version or the certificate."""


Findings = dict[Check, Finding | None]
"""Findings about a number; None for a check that got no answer."""
Shown = dict[str, Any]
"""Object that Meta showed."""


def read_answer(answer: Response) -> Shown | Finding | None:
    """Return Meta's object, a finding about a refusal, or None if there was no usable answer."""
    if answer.status in {0, 429} or answer.status >= 500:
        return None
    body = decode_object(answer.body)
    if answer.status == 200:
        return body or Finding("unknown", NOT_META)
    if (code := error_code(body)) is None:
        return Finding("unknown", OTHER_STATUS.format(answer.status))
    if code in TRANSIENT_CODES:
        return None
    return Finding("unknown", _refusal(code))


def is_token_refused(answer: Response) -> bool:
    """Return True if Meta says that the token, or the app secret in its place, is not valid."""
    return error_code(decode_object(answer.body)) == TOKEN_CODE


def _refusal(code: int) -> str:
    if code == TOKEN_CODE:
        return TOKEN_REFUSED
    if code in PERMISSION_CODES or 200 <= code < 300:
        return NOT_SHOWN.format(code)
    return (NO_OBJECT if code in NO_OBJECT_CODES else OTHER_CODE).format(code)


def read_word(shown: Shown, name: str) -> str:
    """Return a word of Meta's vocabulary; '' if the field is absent or no such word."""
    word = shown.get(name)
    return word if isinstance(word, str) and WORD.fullmatch(word) else ""


def list_objects(value: Any) -> list[Shown]:
    """Return the objects in a list of Meta's, however odd it is."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
