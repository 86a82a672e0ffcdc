"""Every kind of message that a CRM may order, and what keeps it from a citizen."""

from typing import Any

import msgspec
import pytest
from almelo import (
    NUMBER,
    TOML,
    WABA,
    Router,
    body,
    change,
    command,
    decisions,
    id_of,
    kept,
    outcome,
    receipt,
    status,
    text,
    told,
    wrote,
)

from router.checks import (
    BLOCKED,
    NAME_DEPARTMENT,
    NO_CONVERSATION,
    NO_DEPARTMENT,
    NO_MESSAGE,
    OPTED_OUT,
    TRANSFERRED,
)
from router.decisions import Changes, Decision
from services.config import parse
from services.contract import Author, Command

ANNA = {"bsuid": "NL.anna", "phone": "31611111111"}
PHONE = ANNA["phone"]
TEMPLATE = msgspec.json.encode(
    {"type": "template", "template": {"name": "markt", "language": {"code": "nl"}}}
)
ONE_WABA = parse(TOML.replace('id = "10000001"', f'id = "10000001"\nwaba = "{WABA}"'), "x.toml")


def opened(router: Router, n: int = 1, **who: str) -> Decision:
    said = router.takes(wrote(text(f"wamid.{n}", "hallo", **(who or ANNA)), second=n))
    return decisions(said)[-1]


def order(router: Router, given: Command) -> tuple[Decision, Changes]:
    [(_, decision, changes)] = router.takes(given)
    return decision, changes


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


def test_a_message_of_any_type_goes_out_with_the_content_that_was_ordered() -> None:
    router = Router()
    conversation = opened(router).conversation
    content = b'{"type":"image","image":{"caption":"kijk"}}'
    given = command(
        "a",
        second=5,
        conversation=conversation,
        type="image",
        text="kijk",
        content=content,
        media=id_of("upload"),
        author=Author(kind="automated", id="bot"),
    )
    said = router.takes(given)
    [(_, _, changes)] = said
    assert changes.send
    assert (changes.send.content, changes.send.media) == (content, id_of("upload"))
    [record] = kept(said)
    data = msgspec.json.decode(record.data)
    assert data["content"] == msgspec.json.decode(content)
    assert (data["type"], data["text"], data["token"]) == ("image", "kijk", "crm")
    assert (data["media"], data["quoted"]) == (str(id_of("upload")), None)
    assert data["author"] == {"kind": "automated", "id": "bot"}
    assert (data["direction"], data["department"]) == ("out", "klantcontact")


def test_an_answer_quotes_what_the_citizen_wrote_in_this_conversation() -> None:
    router = Router()
    heard = opened(router)
    given = command("a", conversation=heard.conversation, about=heard.message)
    _, changes = order(router, given)
    assert changes.send
    assert (changes.send.about, changes.send.about_wamid) == (heard.message, "wamid.1")


def test_within_one_batch_an_answer_quotes_what_came_just_before_it() -> None:
    first = Router()
    heard = opened(first)
    given = command("a", second=2, conversation=heard.conversation, about=heard.message)
    both = Router().takes(wrote(text("wamid.1", "hallo", **ANNA), second=1), given)
    assert [d.kind for d in decisions(both)] == ["message", "accepted"]


def test_an_answer_quotes_one_of_ours_whose_wamid_the_ledger_will_know() -> None:
    router = Router()
    conversation = opened(router).conversation
    first = command("a", second=2, conversation=conversation)
    router.takes(first)
    given = command("b", second=3, conversation=conversation, about=first.id, type="reaction")
    _, changes = order(router, given)
    assert changes.send
    assert (changes.send.about, changes.send.about_wamid) == (first.id, "")


def test_what_is_not_of_this_conversation_cannot_be_quoted() -> None:
    router = Router()
    anna = opened(router)
    bert = opened(router, 2, phone="31622222222")
    lost = command("lost", second=3, conversation=anna.conversation)
    router.takes(lost, outcome(lost.id, "failed", second=4))
    note = command("note", second=5, conversation=anna.conversation, type="note")
    router.takes(note)
    other = command("other", second=6, conversation=bert.conversation)
    router.takes(other)
    for about in (bert.message, other.id, lost.id, note.id, id_of("nothing")):
        given = command(str(about), second=9, conversation=anna.conversation, about=about)
        assert order(router, given)[0].reason == NO_MESSAGE
    new = command("new", second=9, to="31633333333", about=anna.message)
    assert order(router, new)[0].reason == NO_MESSAGE


@pytest.mark.parametrize(
    ("more", "department", "rule"),
    [
        ({}, "klantcontact", ""),
        ({"department": "groen"}, "groen", "_opened"),
        ({"department": "groen", "departments": ["groen", "belastingen"]}, "groen", "_opened"),
        ({"departments": ["belastingen", "klantcontact"]}, "klantcontact", ""),
        ({"departments": ["belastingen"]}, "belastingen", "_opened"),
        ({"departments": ["belastingen", "gone"]}, "belastingen", "_opened"),
    ],
)
def test_a_conversation_that_we_begin_is_of_whoever_begins_it(
    more: dict[str, Any], department: str, rule: str
) -> None:
    router = Router()
    decision, changes = order(router, command("a", to=PHONE, **more))
    assert (decision.department, decision.rule) == (department, rule)
    assert changes.conversation and changes.conversation.departments == (department,)
    answer = router.takes(wrote(text("wamid.1", "woz", phone=PHONE), second=1))
    assert decisions(answer)[0].department == ("belastingen" if not rule else department)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"department": "iets"}, NO_DEPARTMENT),
        ({"department": "groen", "departments": ["belastingen"]}, NO_DEPARTMENT),
        ({"departments": ["belastingen", "groen"]}, NAME_DEPARTMENT),
        ({"tenant": "borne"}, NO_CONVERSATION),
    ],
)
def test_a_conversation_that_nobody_may_begin_is_not_begun(
    more: dict[str, Any], reason: str
) -> None:
    router = Router()
    decision, changes = order(router, command("a", to=PHONE, **more))
    assert (decision.kind, decision.reason) == ("refused", reason)
    assert changes.identities == () and changes.conversation is None
    assert router.conversations == router.identities == {}


def test_a_message_to_a_number_goes_on_where_it_may_or_is_refused() -> None:
    router = Router()
    conversation = opened(router).conversation
    for n, more in enumerate([{}, {"departments": ["klantcontact"]}]):
        decision, _ = order(router, command(str(n), second=2, to=PHONE, **more))
        assert decision.conversation == conversation
    for n, more in enumerate([{"departments": ["groen"]}, {"department": "groen"}]):
        decision, _ = order(router, command(f"no {n}", second=3, to=PHONE, **more))
        assert decision.reason == TRANSFERRED


def test_a_message_to_a_bsuid_joins_the_conversation_with_that_person() -> None:
    router = Router()
    conversation = opened(router).conversation
    decision, changes = order(router, command("a", second=2, to="NL.anna"))
    assert decision.conversation == conversation
    assert changes.send
    assert (changes.send.address_kind, changes.send.address) == ("bsuid", "NL.anna")
    new, _ = order(router, command("b", second=3, to="NL.bert"))
    assert opened(router, 4, bsuid="NL.bert").conversation == new.conversation != conversation


def test_content_that_is_no_json_is_never_a_reason_to_stop() -> None:
    router = Router()
    conversation = opened(router).conversation
    for n, content in enumerate([b"\xff", b"[", b'{"template":7}', b"[" * 5000]):
        given = command(str(n), conversation=conversation, type="template", content=content)
        [record] = kept(router.takes(given))
        assert record.kind == "message"


@pytest.mark.parametrize("event", ["PAUSED", "DISABLED", "REJECTED"])
def test_a_template_that_meta_sends_no_more_is_refused_until_meta_does(event: str) -> None:
    router = Router(ONE_WABA)
    assert decisions(router.takes(template(event)))[0].kind == "notice"
    given = {"type": "template", "content": TEMPLATE, "text": ""}
    decision, changes = order(router, command("a", second=1, to=PHONE, **given))
    assert (decision.kind, decision.reason) == ("refused", BLOCKED[event])
    assert decision.reason.startswith("template_blocked: ") and changes.send is None
    other = TEMPLATE.replace(b'"nl"', b'"en"')
    assert order(router, command("b", to=PHONE, type="template", content=other))[1].send
    router.takes(template("APPROVED", second=2))
    assert order(router, command("c", second=3, to=PHONE, **given))[1].send


def test_of_two_words_about_a_template_the_later_one_stands_in_whatever_order_they_come() -> None:
    router = Router(ONE_WABA)
    early, late = 1795600000, 1795600060
    router.takes(template("APPROVED", second=1, stamp=late))
    router.takes(template("PAUSED", second=2, stamp=early))
    given = {"type": "template", "content": TEMPLATE}
    assert order(router, command("a", second=3, to=PHONE, **given))[1].send
    # A clock that runs ahead does not stay the last for ever.
    router.takes(template("PAUSED", second=4, stamp=late * 2))
    router.takes(template("REINSTATED", second=5))
    assert order(router, command("b", second=6, to=PHONE, **given))[1].send


def test_a_template_of_another_account_says_nothing_about_ours() -> None:
    """Two municipalities, neither of which says which account is whose."""
    router = Router()
    router.takes(template("PAUSED"))
    given = command("a", second=1, to=PHONE, type="template", content=TEMPLATE)
    assert order(router, given)[1].send


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
    assert order(router, given)[0].reason == BLOCKED["PAUSED"]


def marketing() -> Router:
    router = Router(ONE_WABA)
    router.takes(template("APPROVED", message_template_category="MARKETING"))
    return router


def test_marketing_does_not_reach_whoever_wants_none() -> None:
    router = marketing()
    conversation = opened(router).conversation
    router.takes(preference("stop", 2, wa_id=PHONE, user_id="NL.anna"))
    given = {"type": "template", "content": TEMPLATE}
    by_phone = command("a", second=3, to=PHONE, **given)
    inside = command("b", second=3, conversation=conversation, **given)
    assert [order(router, c)[0].reason for c in (by_phone, inside)] == [OPTED_OUT] * 2
    assert order(router, command("c", second=3, to="31622222222", **given))[1].send
    assert order(router, command("d", second=3, conversation=conversation))[1].send
    router.takes(preference("resume", 4, user_id="NL.anna"))
    assert order(router, command("e", second=5, to=PHONE, **given))[1].send


def test_who_never_wrote_can_want_no_marketing() -> None:
    router = marketing()
    router.takes(preference("stop", 2, wa_id=PHONE))
    given = command("a", second=3, to=PHONE, type="template", content=TEMPLATE)
    assert order(router, given)[0].reason == OPTED_OUT


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
    router.takes(given, told(status("w", "delivered", f"{given.id}.1"), second=1))
    assert router.outgoing[given.id].status == "delivered"
