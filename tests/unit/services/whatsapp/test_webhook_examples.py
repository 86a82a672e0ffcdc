"""One example body for each thing that Meta sends, and what must come out of it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.whatsapp.account_events import NOTICES
from services.whatsapp.content import CONTENTS
from services.whatsapp.items import AnyItem, Identity, Message, Notice, Status, Unknown
from services.whatsapp.parser import parse, routing_keys, words

EXAMPLES = Path(__file__).parents[3] / "examples" / "whatsapp"
NUMBER, BORNE = "106540352242922", "106540352242923"
WABA = "102290129340398"
BSUID = Identity("bsuid", "NL.4821930577162048")
NEW_BSUID = Identity("bsuid", "NL.9990001112223334")
PHONE, NEW_PHONE = Identity("phone", "31600000001"), Identity("phone", "31600000009")
NOOR = (BSUID, PHONE)
MEDIA = "1003383421387256"
AFTER = datetime(2025, 11, 25, 9, 0, 5, tzinfo=UTC)

# Attributes of the message; a dot goes inside.
MESSAGES: dict[str, dict[str, Any]] = {
    "text": {"content.text": "Wanneer wordt het grofvuil opgehaald in de Kerkstraat? ♻️",
             "person.name": "Noor de Vries", "person.identities": NOOR},
    "text_reply": {"content.text": "Ja, dat klopt", "quoted": "wamid.OURS"},
    "text_forwarded": {"forwarded": True, "quoted": ""},
    "text_from_ad": {"referral.headline": "Meld je aan"},
    "text_in_group": {"group": "Y2FwaV9ncm91cDox"},
    "text_without_phone": {"person.identities": (BSUID, Identity("parent_bsuid", "NL.ENT.5518")),
                           "person.username": "@noor"},
    "text_bsuid_in_from": {"person.identities": (BSUID,)},
    "text_milliseconds": {"sent_at": datetime(2025, 11, 25, 9, 0, 0, 123000, UTC)},
    "image": {"content.text": "Deze container is vol", "content.media": MEDIA,
              "content.mime_type": "image/jpeg",
              "content.sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
    "video": {"content.text": "Zo hard rijden ze hier", "content.media": MEDIA},
    "audio": {"content.media": MEDIA, "content.text": ""},
    "voice": {"content.media": MEDIA},
    "document": {"content.filename": "../../bezwaar.pdf", "content.text": "Mijn bezwaar"},
    "sticker": {"content.media": MEDIA, "content.mime_type": "image/webp"},
    "location": {"content.text": "Stadhuis\nHaven Zuidzijde 30, Almelo"},
    "location_pin": {"content.text": "",
                     "content.detail": {"latitude": 52.3567, "longitude": 6.6625}},
    "contacts": {"content.text": "Daan Bakker, Sanne Smit"},
    "interactive_button": {"content.text": "Afval", "content.choice": "afval"},
    "interactive_list": {"content.text": "Paspoort", "content.choice": "paspoort"},
    "interactive_flow": {"content.text": "Sent", "content.choice": ""},
    "interactive_call_permission": {"content.choice": "accept"},
    "button": {"content.text": "Stop", "content.choice": "AFMELDEN", "quoted": "wamid.OURS"},
    "reaction": {"content.text": "👍", "content.about": "wamid.OURS"},
    "reaction_taken_back": {"content.text": "", "content.about": "wamid.OURS"},
    "reaction_emptied": {"content.text": "", "content.about": "wamid.OURS"},
    "order": {"content.text": "Twee graag"},
    "system": {"person.identities": NOOR, "becomes": (NEW_BSUID, NEW_PHONE)},
    "system_user_id": {"person.identities": (BSUID,), "becomes": (NEW_BSUID,)},
    "system_older": {"person.identities": (PHONE,), "becomes": (NEW_PHONE,)},
    "unsupported": {"content.detail": {"type": "edit"}, "errors": (131051,)},
    "unsupported_bare": {"content.detail": {}, "errors": (131051,)},
    "unknown": {"errors": (131051,)},
    "edit": {"content.text": "Deze container is heel vol", "content.media": MEDIA,
             "content.about": "wamid.TEXT"},
    "revoke": {"content.about": "wamid.TEXT"},
    "request_welcome": {"content.detail": {}},
    "new_type": {"content.type": "hologram", "content.detail": {"id": "1", "depth": 3}},
}  # fmt: skip

WITHOUT_WORDS = {
    "contacts", "interactive_flow", "reaction", "system", "system_older", "system_user_id",
    "unsupported", "unsupported_bare",
}  # fmt: skip
"""Messages in which rules see nothing that the citizen said or chose."""

EVENTS = {
    "account_alerts": "INCREASED_CAPABILITIES_ELIGIBILITY_FAILED",
    "account_review_update": "APPROVED",
    "account_settings_update": "phone_number_settings",
    "account_update": "ACCOUNT_RESTRICTION",
    "automatic_events": "LeadSubmitted",
    "business_capability_update": "",
    "business_username_update": "approved",
    "calls": "connect",
    "calls_status": "RINGING",
    "flows": "FLOW_STATUS_CHANGE",
    "group_lifecycle_update": "group_create",
    "group_participant_update": "group_add_participants",
    "group_participants_update": "group_remove_participants",
    "group_settings_update": "group_settings_update",
    "group_status_update": "group_suspend",
    "message_template_components_update": "",
    "message_template_quality_update": "YELLOW",
    "message_template_status_update": "REJECTED",
    "messaging_handovers": "",
    "partner_solutions": "SOLUTION_CREATED",
    "payment_configuration_update": "Active",
    "phone_number_name_update": "REJECTED",
    "phone_number_quality_update": "THROUGHPUT_UPGRADE",
    "security": "PIN_RESET_REQUEST",
    "smb_app_state_sync": "add",
    "standby": "",
    "template_category_update": "MARKETING",
}

Wanted = tuple[type[AnyItem], dict[str, Any]]


def status(name: str, **wanted: Any) -> Wanted:
    return Status, {"id": "wamid.OURS", "status": name, "at": AFTER, "code": 0,
                    "person.identities": NOOR, "participant": ""} | wanted  # fmt: skip


# Kind and attributes of each item in a body.
OTHERS: dict[str, list[Wanted]] = {
    "status_sent": [status("sent", opaque="0193-1")],
    "status_delivered": [status("delivered")],
    "status_read": [status("read")],
    "status_played": [status("played")],
    "status_failed": [(Status, {"code": 131047, "reason": "More than 24 hours have passed.",
                                "person.identities": (PHONE,)})],
    "status_group": [(Status, {"participant": "31600000001", "person.identities": (PHONE,)}),
                     (Status, {"participant": "31600000002"})],
    "user_preferences": [(Notice, {"event": "stop", "value.wa_id": "31600000001"}),
                         (Notice, {"event": "resume", "value.wa_id": "31600000002"})],
    "errors": [(Notice, {"event": "errors", "key": NUMBER})],
    "interactive_empty": [(Message, {"content.type": "interactive", "content.detail": {}}),
                          (Notice, {"event": "errors", "value.errors.0.code": 131000})],
    "smb_message_echoes": [(Message, {"field": "smb_message_echoes", "outgoing": True,
                                      "content.text": "We komen morgen langs",
                                      "person.identities": NOOR,
                                      "person.name": "Noor de Vries"}),
                           (Message, {"content.type": "revoke", "content.about": "wamid.ECHO1"})],
    "history": [(Message, {"field": "history", "outgoing": False,
                           "person.identities": (PHONE,)}),
                (Message, {"field": "history", "outgoing": True, "person.identities": (PHONE,)}),
                (Message, {"field": "history", "content.type": "media_placeholder"})],
    "history_declined": [(Notice, {"event": "errors", "value.errors.0.code": 2593109})],
    "new_field": [(Unknown, {"field": "new_field", "reason": "unknown field",
                             "key": f"waba:{WABA}"})],
    "batch": [(Message, {"person.name": "Noor de Vries"}),
              (Message, {"person.name": "Sanne Smit", "person.identities": (
                  Identity("bsuid", "NL.3000"), Identity("phone", "31600000003"))}),
              (Status, {"number": BORNE}),
              (Notice, {"key": "waba:102290129340399"})],
}  # fmt: skip


def body(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


def inside(value: Any, name: str) -> Any:
    match value:
        case dict():
            return value[name]
        case list():
            return value[int(name)]
        case _:
            return getattr(value, name)


def attributes(item: Any, paths: Iterable[str]) -> dict[str, Any]:
    found = {}
    for path in paths:
        value = item
        for name in path.split("."):
            value = inside(value, name)
        found[path] = value
    return found


@pytest.mark.parametrize("name", MESSAGES)
def test_message_of_every_type_is_parsed(name: str) -> None:
    message = parse(body(name))[0]
    assert isinstance(message, Message)
    assert attributes(message, MESSAGES[name]) == MESSAGES[name]
    assert (message.waba, message.number, message.field) == (WABA, NUMBER, "messages")
    assert message.id == f"wamid.{name.upper()}"
    assert message.sent_at is not None
    assert not message.outgoing
    assert words(message) == ("" if name in WITHOUT_WORDS else message.content.text)


@pytest.mark.parametrize("name", EVENTS)
def test_account_event_of_every_field_is_a_notice_with_metas_word(name: str) -> None:
    (notice,) = parse(body(name))
    assert isinstance(notice, Notice)
    assert notice.event == EVENTS[name]
    assert notice.stamp == "1764061200"
    assert notice.value and notice.raw in body(name)


@pytest.mark.parametrize("name", OTHERS)
def test_items_of_every_other_body_are_parsed(name: str) -> None:
    items = parse(body(name))
    assert [type(item) for item in items] == [kind for kind, _ in OTHERS[name]]
    for item, (_, wanted) in zip(items, OTHERS[name], strict=True):
        assert attributes(item, wanted) == wanted


def test_every_known_type_and_field_has_an_example() -> None:
    types = {i.content.type for n in MESSAGES for i in parse(body(n)) if isinstance(i, Message)}
    assert set(CONTENTS) - types == {"media_placeholder"}  # only in history
    assert set(NOTICES) - set(EVENTS) == {"user_preferences"}


def test_message_keeps_its_own_json_and_that_of_its_contact() -> None:
    given = body("text")
    (message,) = parse(given)
    assert isinstance(message, Message)
    assert message.raw.startswith(b"{") and message.raw in given
    assert b'"wamid.TEXT"' in message.raw
    assert message.contact.startswith(b"{") and message.contact in given
    assert b'"Noor de Vries"' in message.contact
    media = parse(body("history"))[2]
    assert media.raw in body("history")
    assert b"SOMETHING_NEW" in parse(body("new_field"))[0].raw


def test_status_keeps_the_price_and_the_name_of_the_contact() -> None:
    (sent,) = parse(body("status_sent"))
    assert isinstance(sent, Status)
    assert (sent.pricing["type"], sent.person.name) == ("regular", "Noor de Vries")


def test_routing_keys_of_a_batch_are_its_numbers_and_accounts() -> None:
    assert routing_keys(body("batch")) == [NUMBER, BORNE, "waba:102290129340399"]
