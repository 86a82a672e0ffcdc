"""State of the account: Meta's `health_status` of a number and all that it depends on. Pure.

Meta's own summary is too strict: it says LIMITED for a business that has not set up calling. So the
codes decide, and the summary only where there are none.
"""

from collections.abc import Iterator

import msgspec

from deliverer.meta.health.finding import Finding, Shown, list_objects, read_word

PAYMENT = 141006
CODES: dict[int, str] = {
    PAYMENT: "the payment method is not in order; add or mend it in WhatsApp Manager",
    141010: "the business is not verified; start or resolve it in Business settings",
    141014: "the account is banned; appeal in Business Support",
}
"""Codes of Meta's OpenAPI, with what to do."""
CALLING_CODES = range(138000, 139000)
"""Codes of calling by WhatsApp (138024: SIP is not enabled), which Postkamer does not use."""
ENTITIES = {
    "PHONE_NUMBER": "the number",
    "WABA": "the WhatsApp Business Account",
    "BUSINESS": "the business portfolio",
    "APP": "the app",
}
MAX_PARTS = 4
"""Causes that a sentence names; an account has at most one or two."""

NOTHING = "Meta lets all messages pass."
NO_STATUS = "The answer about the account is not Meta's."
BLOCKED = "Meta blocks messages: {}."
LIMITED = "Meta limits messages: {}."
NO_CAUSE = "without a code; WhatsApp Manager shows the cause"


class Hindrance(msgspec.Struct, frozen=True):
    """Cause for which Meta limits or blocks messages."""

    blocks: bool
    text: str


def judge_account(shown: Shown) -> Finding:
    status = shown.get("health_status")
    if not isinstance(status, dict):
        return Finding("unknown", NO_STATUS)
    hindrances = [h for each in list_objects(status.get("entities")) for h in _hindrances(each)]
    overall = read_word(status, "can_send_message")
    if not hindrances and overall == "BLOCKED":
        hindrances = [Hindrance(True, NO_CAUSE)]
    if not hindrances:
        is_meta = overall in ("AVAILABLE", "LIMITED")
        return Finding("fine", NOTHING) if is_meta else Finding("unknown", NO_STATUS)
    blocking = [each.text for each in hindrances if each.blocks]
    texts = "; ".join((blocking or [each.text for each in hindrances])[:MAX_PARTS])
    if blocking:
        return Finding("wrong", BLOCKED.format(texts))
    return Finding("warning", LIMITED.format(texts))


def find_account(shown: Shown) -> str:
    """Return the id of the WhatsApp Business Account that the status names; '' without one."""
    status = shown.get("health_status")
    entities = list_objects(status.get("entities")) if isinstance(status, dict) else []
    ids = (str(each.get("id", "")) for each in entities if each.get("entity_type") == "WABA")
    return next((id for id in ids if id.isdecimal()), "")


def _hindrances(entity: Shown) -> Iterator[Hindrance]:
    """Yield the causes in one part: by code, or a cause without a code."""
    word = read_word(entity, "can_send_message")
    if word not in ("LIMITED", "BLOCKED"):
        return
    part = ENTITIES.get(read_word(entity, "entity_type"), "another part")
    codes = [e["error_code"] for e in list_objects(entity.get("errors")) if _is_code(e)]
    for code in (code for code in codes if code not in CALLING_CODES):
        cause = f"{CODES[code]} (code {code})" if code in CODES else f"code {code}"
        yield Hindrance(word == "BLOCKED" or code == PAYMENT, f"{part}: {cause}")
    if not codes:
        yield Hindrance(word == "BLOCKED", f"{part}: {NO_CAUSE}")


def _is_code(error: Shown) -> bool:
    return type(error.get("error_code")) is int
