"""What Meta says of a template, and a citizen of what they want, decides whether it goes out."""

from typing import Any

import msgspec
import pytest

from router.conversation.refusals import BLOCKED, OPTED_OUT
from services.config.model import parse
from tests.support.router.commands import command
from tests.support.router.decisions import decisions
from tests.support.router.harness import TOML, Router, decide_one, open_conversation
from tests.support.router.webhooks import (
    ANNA,
    NUMBER,
    WABA,
    body,
    change,
    receipt,
    status,
    statuses,
)

PHONE = ANNA["phone"]
TEMPLATE = msgspec.json.encode(
    {"type": "template", "template": {"name": "markt", "language": {"code": "nl"}}}
)
ONE_WABA = parse(TOML.replace('id = "10000001"', f'id = "10000001"\nwaba = "{WABA}"'), "x.toml")


def notice(field: str, *, second: float = 0, stamp: int = 0, **value: Any) -> Any:
    entry = {"id": WABA, "time": stamp, "changes": [{"field": field, "value": value}]}
    content = msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})
    return receipt(content, second=second, name=f"{field} {value} {stamp}")


def template(event: str, *, second: float = 0, stamp: int = 0, **more: Any) -> Any:
    named = {"message_template_name": "markt", "message_template_language": "nl"}
    told = named | {"event": event, "reason": None} | more
    return notice("message_template_status_update", second=second, stamp=stamp, **told)


def preference(value: str, second: float, **whose: str) -> Any:
    told = {"category": "marketing_messages", "value": value, **whose}
    return receipt(body(change(NUMBER, "user_preferences", user_preferences=[told])), second=second)


@pytest.mark.parametrize("event", ["PAUSED", "DISABLED", "REJECTED"])
def test_a_template_that_meta_sends_no_more_is_refused_until_meta_does(event: str) -> None:
    router = Router(ONE_WABA)
    assert decisions(router.takes(template(event)))[0].kind == "archived"
    given = {"type": "template", "content": TEMPLATE, "text": ""}
    decision, changes = decide_one(router, command("a", second=1, to=PHONE, **given))
    assert (decision.kind, decision.reason) == ("refused", str(BLOCKED[event]))
    assert decision.reason.startswith("template_blocked: ") and changes.send is None
    other = TEMPLATE.replace(b'"nl"', b'"en"')
    assert decide_one(router, command("b", to=PHONE, type="template", content=other))[1].send
    router.takes(template("APPROVED", second=2))
    assert decide_one(router, command("c", second=3, to=PHONE, **given))[1].send


def test_latest_template_status_wins_in_any_order() -> None:
    router = Router(ONE_WABA)
    early, late = 1795600000, 1795600060
    router.takes(template("APPROVED", second=1, stamp=late))
    router.takes(template("PAUSED", second=2, stamp=early))
    given = {"type": "template", "content": TEMPLATE}
    assert decide_one(router, command("a", second=3, to=PHONE, **given))[1].send
    # A clock that runs ahead does not stay the last for ever.
    router.takes(template("PAUSED", second=4, stamp=late * 2))
    router.takes(template("REINSTATED", second=5))
    assert decide_one(router, command("b", second=6, to=PHONE, **given))[1].send


def test_a_template_of_another_account_says_nothing_about_ours() -> None:
    """Two municipalities, neither of which says which account is whose."""
    router = Router()
    router.takes(template("PAUSED"))
    given = command("a", second=1, to=PHONE, type="template", content=TEMPLATE)
    assert decide_one(router, given)[1].send


def test_the_only_municipality_need_not_say_which_account_is_its_own() -> None:
    alone = """
    tenants = [{id = "almelo", name = "Almelo"}]
    numbers = [{id = "10000001", tenant = "almelo", fallback = "balie"}]
    departments = [{id = "balie", tenant = "almelo", name = "Balie", destination = "crm"}]
    destinations = [{id = "crm", kind = "cloudevents", url = "https://crm.example/"}]
    """
    router = Router(parse(alone, "x.toml"))
    router.takes(template("PAUSED"))
    given = command("a", second=1, to=PHONE, type="template", content=TEMPLATE)
    assert decide_one(router, given)[0].reason == str(BLOCKED["PAUSED"])


def marketing() -> Router:
    router = Router(ONE_WABA)
    router.takes(template("APPROVED", message_template_category="MARKETING"))
    return router


def test_marketing_does_not_reach_whoever_wants_none() -> None:
    router = marketing()
    conversation = open_conversation(router).conversation
    router.takes(preference("stop", 2, wa_id=PHONE, user_id="NL.anna"))
    given = {"type": "template", "content": TEMPLATE}
    by_phone = command("a", second=3, to=PHONE, **given)
    inside = command("b", second=3, conversation=conversation, **given)
    assert [decide_one(router, c)[0].reason for c in (by_phone, inside)] == [str(OPTED_OUT)] * 2
    assert decide_one(router, command("c", second=3, to="31622222222", **given))[1].send
    assert decide_one(router, command("d", second=3, conversation=conversation))[1].send
    router.takes(preference("resume", 4, user_id="NL.anna"))
    assert decide_one(router, command("e", second=5, to=PHONE, **given))[1].send


def test_marketing_preference_is_kept_for_a_citizen_who_never_wrote() -> None:
    router = marketing()
    router.takes(preference("stop", 2, wa_id=PHONE))
    given = command("a", second=3, to=PHONE, type="template", content=TEMPLATE)
    assert decide_one(router, given)[0].reason == str(OPTED_OUT)


def test_a_template_that_becomes_marketing_keeps_its_status() -> None:
    router = Router(ONE_WABA)
    router.takes(template("PAUSED", message_template_category="UTILITY", stamp=1795600000))
    router.takes(
        notice(
            "template_category_update",
            second=1,
            stamp=1795600060,
            message_template_name="markt",
            message_template_language="nl",
            previous_category="UTILITY",
            new_category="MARKETING",
        )
    )
    [now] = router.templates.values()
    assert (now.status, now.category) == ("PAUSED", "MARKETING")
    router.takes(template("APPROVED", second=2, stamp=1795600030))
    [now] = router.templates.values()
    assert (now.status, now.category) == ("APPROVED", "MARKETING")


def test_a_status_of_a_template_finds_its_message_like_any_other() -> None:
    router = Router(ONE_WABA)
    given = command("a", to=PHONE, type="template", content=TEMPLATE)
    router.takes(given, statuses(status("w", "delivered", f"{given.id}.1"), second=1))
    assert router.outgoing[given.id].status == "delivered"
