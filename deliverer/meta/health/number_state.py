"""State of a number at Meta: quality, name, connection and limit, word by word. Pure."""

from collections.abc import Mapping

from deliverer.meta.health.finding import Check, Finding, Shown, State, read_word

Words = Mapping[str, tuple[State, str]]

QUALITY: Words = {
    "GREEN": ("fine", "Citizens rate the number well (GREEN)."),
    "YELLOW": ("warning", "Citizens block or report the number (YELLOW): send fewer templates."),
    "RED": ("wrong", "Citizens often block or report the number (RED): Meta may restrict it."),
    "NA": ("fine", "Meta has not rated the number yet."),
    "UNKNOWN": ("fine", "Meta has not rated the number yet."),
}
NAME: Words = {
    "APPROVED": ("fine", "The name is approved."),
    "AVAILABLE_WITHOUT_REVIEW": ("fine", "The name needs no review."),
    "PENDING_REVIEW": ("fine", "Meta is reviewing the name."),
    "DECLINED": ("wrong", "Meta declined the name: ask for another one in WhatsApp Manager."),
    "EXPIRED": ("wrong", "The approval of the name has expired: renew it in WhatsApp Manager."),
    "NONE": ("warning", "The number has no approved name: ask for one in WhatsApp Manager."),
}
CONNECTION: Words = {
    "CONNECTED": ("fine", "The number is connected."),
    "LINKED": ("fine", "The number is connected."),
    "FLAGGED": ("warning", "Meta has flagged the number for its quality (FLAGGED)."),
    "RATE_LIMITED": ("warning", "The number has reached its limit on writing first."),
    "RESTRICTED": ("wrong", "Meta restricts the number: it may not write first (RESTRICTED)."),
    "BANNED": ("wrong", "Meta has banned the number (BANNED): appeal in Business Support."),
    "PENDING": ("wrong", "The number is not registered yet (PENDING)."),
    "UNVERIFIED": ("wrong", "The number is not verified (UNVERIFIED): ask for a code."),
    "OFFLINE": ("wrong", "The number is offline (OFFLINE): register it again."),
    "DISCONNECTED": ("wrong", "The number is disconnected (DISCONNECTED): register it again."),
    "UNLINKED": ("wrong", "The number is disconnected (UNLINKED): register it again."),
    "MIGRATED": ("wrong", "The number has moved to another account (MIGRATED)."),
    "DELETED": ("wrong", "The number was deleted from the account (DELETED)."),
    "UNKNOWN": ("unknown", "Meta does not know if the number is connected."),
}
LIMITS = {
    "TIER_50": "50", "TIER_250": "250", "TIER_1K": "1,000", "TIER_2K": "2,000",
    "TIER_10K": "10,000", "TIER_100K": "100,000",
}  # fmt: skip
LIMIT: Words = {
    word: ("fine", f"The portfolio may write first to {count} citizens in 24 hours.")
    for word, count in LIMITS.items()
} | {"TIER_UNLIMITED": ("fine", "The portfolio may write first to any number of citizens.")}

FIELDS: Mapping[Check, tuple[str, Words]] = {
    "quality": ("quality_rating", QUALITY),
    "name": ("name_status", NAME),
    "connection": ("status", CONNECTION),
}
"""Check -> Meta's field, and its words. One request asks for all of these."""
LIMIT_FIELD, OLD_LIMIT_FIELD = "whatsapp_business_manager_messaging_limit", "messaging_limit_tier"
FIRST_WITH_LIMIT_FIELD = 24
"""Graph version from which the limit has its new name (Meta, "Messaging limits")."""

ABSENT = "Meta does not tell it."
UNKNOWN_WORD = "Meta says {}, a word that this release does not know."


def judge_words(shown: Shown) -> dict[Check, Finding]:
    """Judge quality, name and connection."""
    return {check: _judge(shown, field, words) for check, (field, words) in FIELDS.items()}


def limit_field(version: str) -> str:
    """Return the name that a Graph version gives to the limit."""
    major = version.removeprefix("v").partition(".")[0]
    is_old = major.isdecimal() and int(major) < FIRST_WITH_LIMIT_FIELD
    return OLD_LIMIT_FIELD if is_old else LIMIT_FIELD


def judge_limit(shown: Shown, field: str) -> Finding:
    return _judge(shown, field, LIMIT)


def _judge(shown: Shown, field: str, words: Words) -> Finding:
    if not (word := read_word(shown, field)):
        return Finding("unknown", ABSENT)
    return Finding(*words.get(word, ("unknown", UNKNOWN_WORD.format(word))))
