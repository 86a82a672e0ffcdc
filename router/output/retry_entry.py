"""The entry by which a quarantined unit is decided again, when a person asks for it. Pure.

An item travels alone, under a new key: its own key is taken, so that a repeat of Meta's is still a
repeat. A body that was quarantined unread travels whole, and its items keep their keys: those that
are known from another body are not decided twice. Records name the original receipt. An outcome or
a timer gets a new id, and with it a new key.
"""

import msgspec

from router.model.work import UNPROVEN, WorkUnit
from services.contract import Command, Entry, Receipt
from services.whatsapp.excerpt import cut_excerpt
from services.whatsapp.items import Unknown

TOLD_SENDER = "its sender was told that it failed, and may have sent it again"
UNPROVEN_ORIGIN = "its signature does not speak for its number, and is not checked again"
NOT_CUT = "its webhook is too large, or cannot be cut with certainty"


def retry_entry(unit: WorkUnit) -> Entry | str:
    """Return the entry that decides a unit again, or the reason why there can be none."""
    entry = unit.entry
    if isinstance(entry, Command):
        return TOLD_SENDER
    id = unit.id("retry")
    if not isinstance(entry, Receipt) or entry.retry_of:
        return msgspec.structs.replace(entry, id=id)
    retry = msgspec.structs.replace(entry, id=id, retry_of=entry.id)
    if unit.item is None or unit.item_index is None:
        return retry
    if isinstance(unit.item, Unknown) and unit.item.reason == UNPROVEN:
        return UNPROVEN_ORIGIN
    excerpt = cut_excerpt(entry.body, unit.item)
    if excerpt is None:
        return NOT_CUT
    return msgspec.structs.replace(retry, body=excerpt, keys=[], is_single_item=True)


def retry_refusal(unit: WorkUnit) -> str:
    """Return the reason why a unit cannot be decided again; empty if it can."""
    entry = retry_entry(unit)
    return entry if isinstance(entry, str) else ""
