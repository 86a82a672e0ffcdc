"""Events that are no message: where each field keeps its parts, and Meta's word for what happened.

Fields with a list give one notice for each element, so that a citizen's opt-out is known again
whatever stood beside it.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from services.whatsapp.body import Change
from services.whatsapp.identities import Contacts
from services.whatsapp.items import AnyItem, Notice, Unknown
from services.whatsapp.lenient_json import UnreadableJson, elements, fields, read, record, text

Paths = dict[str, str]
"""For each list with parts, or '' for the value itself, the path of Meta's word in it."""

GROUPS = {"groups": "type"}

NOTICES: dict[str, Paths] = {
    "account_alerts": {"": "alert_info.alert_type"},
    "account_review_update": {"": "decision"},
    "account_settings_update": {"": "type"},
    "account_update": {"": "event"},
    "automatic_events": {"automatic_events": "event_name"},
    "business_capability_update": {},
    "business_username_update": {"": "status"},
    "calls": {"calls": "event", "statuses": "status"},
    "flows": {"": "event"},
    "group_lifecycle_update": GROUPS,
    "group_participants_update": GROUPS,
    "group_participant_update": GROUPS,  # its name in Meta's OpenAPI
    "group_settings_update": GROUPS,
    "group_status_update": GROUPS,
    "message_template_components_update": {},
    "message_template_quality_update": {"": "new_quality_score"},
    "message_template_status_update": {"": "event"},
    "messaging_handovers": {},
    "partner_solutions": {"": "event"},
    "payment_configuration_update": {"": "status"},
    "phone_number_name_update": {"": "decision"},
    "phone_number_quality_update": {"": "event"},
    "security": {"": "event"},
    "smb_app_state_sync": {"state_sync": "action"},
    "standby": {},
    "template_category_update": {"": "new_category"},
    "user_preferences": {"user_preferences": "value"},
}


def notices(change: Change, members: dict[str, msgspec.Raw]) -> Iterator[AnyItem]:
    """The notices in a change of a field that stands in the table: at least one."""
    paths = NOTICES[change.field]
    parts = [(part, paths[name]) for name in paths for part in elements(members.get(name)) or ()]
    if not parts:
        yield notice(change, change.raw, paths.get("", ""))
        return
    beside = Contacts(elements(members.get("contacts")) or [])
    for part, path in parts:
        yield notice(change, bytes(part), path, beside)
    if "errors" in members:
        yield errors(change, bytes(members["errors"]))


def notice(
    change: Change, raw: bytes, path: str, beside: Contacts | None = None
) -> Notice | Unknown:
    """One notice, with Meta's word for what happened at `path` in it."""
    try:
        value = record(raw)
    except UnreadableJson as odd:
        return unknown(change, raw, str(odd))
    word: Any = value
    for name in path.split("."):
        word = fields(word).get(name)
    told = _notice(change, raw, text(word), value)
    contact = beside.naming(value) if beside else b""
    return msgspec.structs.replace(told, contact=contact) if contact else told


def errors(change: Change, raw: bytes) -> Notice | Unknown:
    """Trouble that Meta tells of beside messages, or in their place."""
    try:
        return _notice(change, raw, "errors", {"errors": read(raw)})
    except UnreadableJson as odd:
        return unknown(change, raw, str(odd))


def unknown(change: Change, raw: bytes, reason: str) -> Unknown:
    return Unknown(
        raw=raw, waba=change.waba, number=change.number, field=change.field, reason=reason
    )


def _notice(change: Change, raw: bytes, event: str, value: dict[str, Any]) -> Notice:
    return Notice(
        raw=raw,
        waba=change.waba,
        number=change.number,
        field=change.field,
        event=event,
        value=value,
        stamp=change.stamp,
    )
