"""Notices: events that are no message, with a table of their parts and of Meta's word for each.

A field with a list gives one notice per element, so that a citizen's opt-out has the same key
whichever elements are beside it.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from services.whatsapp.body import Change
from services.whatsapp.identities import Contacts
from services.whatsapp.items import AnyItem, Notice, Unknown
from services.whatsapp.lenient_json import UnreadableJson, elements, fields, read, read_object, text

Paths = dict[str, str]
"""Name of a list of parts, or '' for the value itself -> path of Meta's word in each part."""

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


def read_notices(change: Change, members: dict[str, msgspec.Raw]) -> Iterator[AnyItem]:
    """Yield the notices in a change of a field in NOTICES, and at least one."""
    paths = NOTICES[change.field]
    parts = [(part, paths[name]) for name in paths for part in elements(members.get(name)) or ()]
    if not parts:
        yield read_notice(change, change.raw, paths.get("", ""))
        return
    contacts = Contacts(elements(members.get("contacts")) or [])
    for part, path in parts:
        yield read_notice(change, bytes(part), path, contacts)
    if "errors" in members:
        yield read_errors(change, bytes(members["errors"]))


def read_notice(
    change: Change, raw: bytes, path: str, contacts: Contacts | None = None
) -> Notice | Unknown:
    """Read one notice, with Meta's word for the event at `path`."""
    try:
        value = read_object(raw)
    except UnreadableJson as error:
        return make_unknown(change, raw, str(error))
    word: Any = value
    for name in path.split("."):
        word = fields(word).get(name)
    item = _notice(change, raw, text(word), value)
    contact = contacts.contact_named_in(value) if contacts else b""
    return msgspec.structs.replace(item, contact=contact) if contact else item


def read_errors(change: Change, raw: bytes) -> Notice | Unknown:
    """Read the errors that Meta sends beside messages, or instead of them."""
    try:
        return _notice(change, raw, "errors", {"errors": read(raw)})
    except UnreadableJson as error:
        return make_unknown(change, raw, str(error))


def make_unknown(change: Change, raw: bytes, reason: str) -> Unknown:
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
