"""One example body for each thing that Meta sends, and what must come out of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.whatsapp.account_events import NOTICES
from services.whatsapp.content import CONTENTS
from services.whatsapp.items import Identity, Item, Message, Notice, Status, Unknown
from services.whatsapp.parser import parse, routing_keys

EXAMPLES = Path(__file__).parents[3] / "examples" / "whatsapp"
NUMBER = "106540352242922"
WABA = "102290129340398"
BSUID = Identity("bsuid", "NL.4821930577162048")
PHONE = Identity("phone", "31600000001")
NOOR = (BSUID, PHONE)

MESSAGES: dict[str, dict[str, Any]] = {
    "text": {"content.text": "Wanneer wordt het grofvuil opgehaald in de Kerkstraat? ♻️"},
    "text_reply": {"content.text": "Ja, dat klopt", "quoted": "wamid.OURS"},
    "text_forwarded": {"forwarded": True, "quoted": ""},
    "text_in_group": {"group": "Y2FwaV9ncm91cDox"},
    "text_without_phone": {
        "person.identities": (BSUID, Identity("parent_bsuid", "NL.ENT.5518")),
        "person.username": "@noor",
    },
    "text_bsuid_in_from": {"person.identities": (BSUID,)},
    "text_milliseconds": {"sent_at": datetime(2025, 11, 25, 9, 0, 0, 123000, UTC)},
    "image": {
        "content.text": "Deze container is vol",
        "content.media": "1003383421387256",
        "content.mime_type": "image/jpeg",
        "content.sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    },
    "video": {"content.text": "Zo hard rijden ze hier", "content.media": "1003383421387256"},
    "audio": {"content.media": "1003383421387256", "content.text": ""},
    "voice": {"content.media": "1003383421387256"},
    "document": {"content.filename": "../../bezwaar.pdf", "content.text": "Mijn bezwaar"},
    "sticker": {"content.media": "1003383421387256", "content.mime_type": "image/webp"},
    "location": {"content.text": "Stadhuis\nHaven Zuidzijde 30, Almelo"},
    "location_pin": {
        "content.text": "",
        "content.detail": {"latitude": 52.3567, "longitude": 6.6625},
    },
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
    "system": {
        "person.identities": NOOR,
        "becomes": (Identity("bsuid", "NL.9990001112223334"), Identity("phone", "31600000009")),
    },
    "system_user_id": {
        "person.identities": (BSUID,),
        "becomes": (Identity("bsuid", "NL.9990001112223334"),),
    },
    "system_older": {
        "person.identities": (PHONE,),
        "becomes": (Identity("phone", "31600000009"),),
    },
    "unsupported": {"content.detail": {"type": "edit"}, "errors": (131051,)},
    "unsupported_bare": {"content.detail": {}, "errors": (131051,)},
    "unknown": {"errors": (131051,)},
    "edit": {
        "content.text": "Deze container is heel vol",
        "content.media": "1003383421387256",
        "content.about": "wamid.TEXT",
    },
    "revoke": {"content.about": "wamid.TEXT"},
    "request_welcome": {"content.detail": {}},
    "new_type": {"content.type": "hologram", "content.detail": {"id": "1", "depth": 3}},
}

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


def body(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


def seen(item: Item, wanted: dict[str, Any]) -> dict[str, Any]:
    """What stands in `item` where `wanted` looks; a dot goes inside."""
    found = {}
    for path in wanted:
        value: Any = item
        for name in path.split("."):
            value = getattr(value, name)
        found[path] = value
    return found


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_every_type_says_what_it_said(name: str) -> None:
    message = parse(body(name))[0]

    assert isinstance(message, Message)
    assert seen(message, MESSAGES[name]) == MESSAGES[name]
    assert (message.waba, message.number, message.field) == (WABA, NUMBER, "messages")
    assert message.id == f"wamid.{name.upper()}"
    assert message.sent_at is not None
    assert not message.outgoing


def test_every_type_that_the_parser_knows_has_an_example() -> None:
    types = {i.content.type for n in MESSAGES for i in parse(body(n)) if isinstance(i, Message)}

    assert set(CONTENTS) - types == {"media_placeholder"}  # only in history


def test_a_message_brings_its_own_json_and_that_of_its_contact() -> None:
    given = body("text")
    (message,) = parse(given)

    assert isinstance(message, Message)
    assert message.raw.startswith(b"{") and message.raw in given
    assert b'"wamid.TEXT"' in message.raw
    assert message.contact.startswith(b"{") and message.contact in given
    assert b'"Noor de Vries"' in message.contact
    assert message.person.name == "Noor de Vries"
    assert message.person.identities == NOOR


def test_an_advertisement_comes_along() -> None:
    (message,) = parse(body("text_from_ad"))

    assert isinstance(message, Message)
    assert message.referral["headline"] == "Meld je aan"


def test_an_interactive_message_without_its_object_keeps_its_type_and_the_errors_beside_it() -> (
    None
):
    message, notice = parse(body("interactive_empty"))

    assert isinstance(message, Message) and isinstance(notice, Notice)
    assert (message.content.type, message.content.detail) == ("interactive", {})
    assert (notice.event, notice.value["errors"][0]["code"]) == ("errors", 131000)


@pytest.mark.parametrize("state", ["sent", "delivered", "read", "played"])
def test_a_status_says_what_became_of_which_message_to_whom(state: str) -> None:
    (status,) = parse(body(f"status_{state}"))

    assert isinstance(status, Status)
    assert (status.id, status.status, status.code) == ("wamid.OURS", state, 0)
    assert status.at == datetime(2025, 11, 25, 9, 0, 5, tzinfo=UTC)
    assert status.person.identities == NOOR
    assert status.participant == ""


def test_a_status_brings_our_own_value_and_the_price() -> None:
    (status,) = parse(body("status_sent"))

    assert isinstance(status, Status)
    assert status.opaque == "0193-1"
    assert status.pricing["type"] == "regular"
    assert status.person.name == "Noor de Vries"


def test_a_failed_status_says_why() -> None:
    (status,) = parse(body("status_failed"))

    assert isinstance(status, Status)
    assert (status.code, status.reason) == (131047, "More than 24 hours have passed.")
    assert status.person.identities == (PHONE,)


def test_a_status_in_a_group_is_about_its_participant() -> None:
    first, second = parse(body("status_group"))

    assert isinstance(first, Status) and isinstance(second, Status)
    assert (first.participant, second.participant) == ("31600000001", "31600000002")
    assert first.person.identities == (PHONE,)


@pytest.mark.parametrize("name", EVENTS)
def test_every_other_field_gives_a_notice_with_metas_word(name: str) -> None:
    (notice,) = parse(body(name))

    assert isinstance(notice, Notice)
    assert notice.event == EVENTS[name]
    assert notice.stamp == "1764061200"
    assert notice.value and notice.raw in body(name)


def test_every_field_that_the_parser_knows_has_an_example() -> None:
    assert set(NOTICES) - set(EVENTS) == {"user_preferences"}


def test_each_preference_is_a_notice_of_its_own() -> None:
    stop, resume = parse(body("user_preferences"))

    assert isinstance(stop, Notice) and isinstance(resume, Notice)
    assert (stop.event, stop.value["wa_id"]) == ("stop", "31600000001")
    assert (resume.event, resume.value["wa_id"]) == ("resume", "31600000002")


def test_errors_alone_are_a_notice() -> None:
    (notice,) = parse(body("errors"))

    assert isinstance(notice, Notice)
    assert (notice.event, notice.key) == ("errors", NUMBER)


def test_what_staff_wrote_in_the_app_is_an_outgoing_message_to_the_citizen() -> None:
    text, revoke = parse(body("smb_message_echoes"))

    assert isinstance(text, Message) and isinstance(revoke, Message)
    assert (text.field, text.outgoing) == ("smb_message_echoes", True)
    assert (text.content.text, text.person.identities) == ("We komen morgen langs", NOOR)
    assert text.person.name == "Noor de Vries"
    assert (revoke.content.type, revoke.content.about) == ("revoke", "wamid.ECHO1")


def test_history_is_a_message_for_each_of_its_threads_messages() -> None:
    asked, answered, media = parse(body("history"))

    assert isinstance(asked, Message) and isinstance(answered, Message)
    assert isinstance(media, Message)
    assert {item.field for item in (asked, answered, media)} == {"history"}
    assert (asked.outgoing, answered.outgoing) == (False, True)
    assert asked.person.identities == answered.person.identities == (PHONE,)
    assert media.content.type == "media_placeholder"
    assert media.raw in body("history")


def test_history_that_is_not_shared_is_a_notice_of_errors() -> None:
    (notice,) = parse(body("history_declined"))

    assert isinstance(notice, Notice)
    assert (notice.event, notice.value["errors"][0]["code"]) == ("errors", 2593109)


def test_a_new_field_is_unknown_and_kept() -> None:
    (item,) = parse(body("new_field"))

    assert isinstance(item, Unknown)
    assert (item.field, item.reason, item.key) == ("new_field", "unknown field", f"waba:{WABA}")
    assert b"SOMETHING_NEW" in item.raw


def test_a_batch_gives_every_message_its_own_sender_number_and_account() -> None:
    first, second, status, notice = parse(body("batch"))

    assert isinstance(first, Message) and isinstance(second, Message)
    assert (first.person.name, second.person.name) == ("Noor de Vries", "Sanne Smit")
    assert second.person.identities == (
        Identity("bsuid", "NL.3000"),
        Identity("phone", "31600000003"),
    )
    assert status.number == "106540352242923"
    assert notice.key == "waba:102290129340399"
    assert routing_keys(body("batch")) == [NUMBER, "106540352242923", "waba:102290129340399"]
