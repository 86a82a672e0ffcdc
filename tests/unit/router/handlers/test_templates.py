"""Templates: sent unless Meta blocks them or the citizen wants no marketing."""

from typing import Any

import msgspec
import pytest

from router.conversation.refusals import BLOCKED, OPTED_OUT
from router.model.changes import Changes
from services.config.model import parse
from services.contract import Receipt
from tests.support.router.commands import command
from tests.support.router.decisions import DecisionView
from tests.support.router.harness import TOML, Router, decide_one, open_conversation
from tests.support.router.names import ANNA, NUMBER, WABA
from tests.support.router.webhooks import body, change, receipt, status, statuses

PHONE = ANNA["phone"]
TEMPLATE = msgspec.json.encode(
    {"type": "template", "template": {"name": "markt", "language": {"code": "nl"}}}
)
NAMED = {"message_template_name": "markt", "message_template_language": "nl"}
ONE_WABA = parse(TOML.replace('id = "10000001"', f'id = "10000001"\nwaba = "{WABA}"'), "x.toml")
ALONE = parse(
    """
    tenants = [{id = "almelo", name = "Almelo"}]
    numbers = [{id = "10000001", tenant = "almelo", fallback = "balie"}]
    departments = [{id = "balie", tenant = "almelo", name = "Balie", destination = "crm"}]
    destinations = [{id = "crm", kind = "cloudevents", url = "https://crm.example/"}]
    """,
    "x.toml",
)
EARLY, LATE = 1795600000, 1795600060


def notice(field: str, second: float, stamp: int, **value: Any) -> Receipt:
    changes = [{"field": field, "value": NAMED | value}]
    entry = {"id": WABA, "time": stamp, "changes": changes}
    content = msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})
    return receipt(content, second=second, name=f"{field} {value} {stamp}")


def reports(event: str, second: float = 0, stamp: int = 0, **more: Any) -> Receipt:
    told = {"event": event, "reason": None} | more
    return notice("message_template_status_update", second, stamp, **told)


def prefers(value: str, second: float, **whose: str) -> Receipt:
    told = {"category": "marketing_messages", "value": value, **whose}
    return receipt(body(change(NUMBER, "user_preferences", user_preferences=[told])), second=second)


def sends(router: Router, second: float, **more: Any) -> tuple[DecisionView, Changes]:
    given = {"type": "template", "content": TEMPLATE, "text": "", "to": PHONE} | more
    return decide_one(router, command(f"{second} {more}", second=second, **given))


@pytest.mark.parametrize("event", ["PAUSED", "DISABLED", "REJECTED"])
def test_blocked_template_is_refused_until_meta_approves_it(event: str) -> None:
    router = Router(ONE_WABA)
    assert decide_one(router, reports(event))[0].kind == "archived"
    decision, changes = sends(router, 1)
    assert (decision.kind, decision.reason) == ("refused", str(BLOCKED[event]))
    assert decision.reason.startswith("template_blocked: ") and changes.send is None
    assert sends(router, 1, content=TEMPLATE.replace(b'"nl"', b'"en"'))[1].send
    router.takes(reports("APPROVED", 2))
    assert sends(router, 3)[1].send


def test_latest_template_status_wins_in_any_order() -> None:
    router = Router(ONE_WABA)
    router.takes(reports("APPROVED", 1, LATE))
    router.takes(reports("PAUSED", 2, EARLY))
    assert sends(router, 3)[1].send
    # A clock that runs ahead does not stay the last for ever.
    router.takes(reports("PAUSED", 4, LATE * 2))
    router.takes(reports("REINSTATED", 5))
    assert sends(router, 6)[1].send


def test_template_of_an_unnamed_account_counts_only_for_the_only_municipality() -> None:
    for router, reason in ((Router(), ""), (Router(ALONE), str(BLOCKED["PAUSED"]))):
        router.takes(reports("PAUSED"))
        decision, changes = sends(router, 1)
        assert bool(changes.send) is not bool(reason)
        assert not reason or decision.reason == reason


def marketing() -> Router:
    router = Router(ONE_WABA)
    router.takes(reports("APPROVED", message_template_category="MARKETING"))
    return router


def test_marketing_does_not_reach_a_citizen_who_wants_none() -> None:
    router = marketing()
    conversation = {"conversation": open_conversation(router).conversation, "to": ""}
    router.takes(prefers("stop", 2, wa_id=PHONE, user_id="NL.anna"))
    refused = [sends(router, 3)[0], sends(router, 3, **conversation)[0]]
    assert [decision.reason for decision in refused] == [str(OPTED_OUT)] * 2
    assert sends(router, 3, to="31622222222")[1].send
    assert decide_one(router, command("d", second=3, **conversation))[1].send
    router.takes(prefers("resume", 4, user_id="NL.anna"))
    assert sends(router, 5)[1].send


def test_marketing_preference_is_kept_for_a_citizen_who_never_wrote() -> None:
    router = marketing()
    router.takes(prefers("stop", 2, wa_id=PHONE))
    assert sends(router, 3)[0].reason == str(OPTED_OUT)


def test_template_that_becomes_marketing_keeps_its_status() -> None:
    router = Router(ONE_WABA)
    router.takes(reports("PAUSED", 0, EARLY, message_template_category="UTILITY"))
    categories = {"previous_category": "UTILITY", "new_category": "MARKETING"}
    router.takes(notice("template_category_update", 1, LATE, **categories))
    for status_now in ("PAUSED", "APPROVED"):
        [now] = router.templates.values()
        assert (now.status, now.category) == (status_now, "MARKETING")
        router.takes(reports("APPROVED", 2, EARLY + 30))


def test_status_of_a_template_finds_its_message() -> None:
    router = Router(ONE_WABA)
    given = command("a", "template", to=PHONE, content=TEMPLATE)
    router.takes(given, statuses(status("w", "delivered", f"{given.id}.1"), second=1))
    assert router.outgoing[given.id].status == "delivered"


def test_every_notice_about_a_template_tells_that_it_changed_and_only_some_its_status() -> None:
    router = Router(ONE_WABA)
    router.takes(reports("PAUSED", 1, EARLY))
    later = [
        ("message_template_quality_update", {"new_quality_score": "RED"}),
        ("message_template_components_update", {"message_template_element": "Tot {{1}}"}),
        ("template_category_update", {"new_category": "MARKETING"}),
        ("message_template_status_update", {"event": "PENDING"}),
    ]
    for second, (field, value) in enumerate(later, 2):
        came = notice(field, second, LATE if "event" not in value else EARLY - 60, **value)
        _, changes = decide_one(router, came)
        assert changes.template and changes.template.noticed_at == came.received_at
        [now] = router.templates.values()
        # Also of a status that comes too late to count.
        assert (now.status, now.noticed_at) == ("PAUSED", came.received_at), field


def test_notice_about_a_template_that_nothing_is_known_of_blocks_nothing() -> None:
    router = Router(ONE_WABA)
    router.takes(notice("message_template_quality_update", 1, LATE, new_quality_score="RED"))
    [now] = router.templates.values()
    assert (now.status, now.category) == ("", "")
    assert sends(router, 2)[1].send
