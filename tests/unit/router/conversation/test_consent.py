"""What somebody may be sent who did not write first: by consent, until STOP."""

from typing import Any

import msgspec
import pytest

from router.conversation.consent import PURPOSES
from router.model.changes import Changes
from router.model.decision import Decision
from services.whatsapp.delivery_status import WITHDRAWN
from tests.support.router.commands import command
from tests.support.router.decisions import decisions, records_of
from tests.support.router.harness import Router, decide_one, open_conversation
from tests.support.router.webhooks import (
    ANNA,
    BORNE,
    OTHER_NUMBER,
    at,
    change,
    inbound,
    receipt,
    text,
)
from tests.support.router.webhooks import body as webhook

ANNAS = ANNA["phone"]
NEWS: dict[str, Any] = {"purpose": "nieuws", "given_at": at(0), "source": "formulier 12"}
DAY = 86400


def sends(router: Router, name: str, second: float = 1, **more: Any) -> tuple[Decision, Changes]:
    given = {"type": "template", "text": "", "to": ANNAS, "purpose": ""} | more
    return decide_one(router, command(name, second=second, **given))


def says(router: Router, words: str, second: float, number: str = "10000001") -> Decision:
    said = text(f"wamid.{words}.{second}", words, phone=ANNAS, sent=second)
    return decisions(router.takes(inbound(said, second=second, number=number)))[-1]


def turns_off(router: Router, second: float, event: str = "stop") -> Decision:
    choice = {"wa_id": ANNAS, "category": "marketing_messages", "value": event}
    given = webhook(change("10000001", "user_preferences", user_preferences=[choice]))
    return decisions(router.takes(receipt(given, second=second, name=str(second))))[-1]


def data(record: Any) -> Any:
    return msgspec.json.decode(record.data)


def missing(decision: Decision) -> bool:
    return decision.kind == "refused" and decision.reason.startswith("consent_missing: ")


def test_a_template_to_a_stranger_needs_consent_and_a_text_does_not() -> None:
    router = Router()
    decision, changes = sends(router, "a")
    assert missing(decision) and changes.send is None
    assert changes.outgoing and changes.outgoing.status == "failed"
    assert sends(router, "b", type="text")[0].kind == "accepted"  # Meta knows whether it may go
    assert missing(sends(router, "c", purpose="nieuws")[0])


def test_consent_comes_with_a_message_and_holds_for_the_next_of_its_purpose() -> None:
    router = Router()
    decision, changes = sends(router, "a", **NEWS)
    assert (decision.kind, decision.purpose) == ("accepted", "nieuws")
    assert changes.send and changes.send.purpose == "nieuws"
    [consent] = router.consents.values()
    assert (consent.purpose, consent.source, consent.given_at) == ("nieuws", "formulier 12", at(0))
    assert (consent.recorded_at, consent.recorded_by, consent.ended_at) == (at(1), "crm", None)
    assert sends(router, "b", purpose="nieuws")[0].kind == "accepted"
    assert sends(router, "c", purpose="nieuws", number=OTHER_NUMBER)[0].kind == "accepted"
    assert missing(sends(router, "d", purpose="afval")[0])
    assert missing(sends(router, "e", purpose="nieuws", number=BORNE)[0])
    assert missing(sends(router, "f", purpose="nieuws", to="31699999999")[0])


def test_repeated_template_command_changes_nothing() -> None:
    router = Router()
    given = command("a", second=1, type="template", text="", to=ANNAS, **NEWS)
    first, again = router.takes(given), router.takes(given)
    assert decisions(first) == decisions(again) and records_of(first) == records_of(again)
    assert again[0][2] == Changes() and len(router.changes) == 1


def test_consent_that_is_on_record_already_is_not_written_again() -> None:
    router = Router()
    sends(router, "a", **NEWS)
    _, changes = sends(router, "b", second=2, **NEWS)
    assert changes.consent is None and changes.send
    later = NEWS | {"given_at": at(2), "source": "balie"}
    _, changes = sends(router, "c", second=3, **later)
    assert changes.consent and changes.consent.source == "balie"


def test_a_clock_that_runs_ahead_gives_no_consent_in_the_future() -> None:
    router = Router()
    sends(router, "a", **(NEWS | {"given_at": at(3600)}))
    [consent] = router.consents.values()
    assert consent.given_at == at(1)


@pytest.mark.parametrize(("days", "may"), [(0, True), (55, True), (56, False), (400, False)])
def test_citizen_who_wrote_may_get_templates_for_eight_weeks(days: int, may: bool) -> None:
    router = Router()
    open_conversation(router, 1)
    decision, changes = sends(router, "a", second=1 + days * DAY)
    assert missing(decision) is not may
    if may:
        assert decision.purpose == "" and changes.send and changes.send.purpose == ""


def test_template_may_come_from_another_number_of_the_same_municipality() -> None:
    router = Router()
    open_conversation(router, 1)
    assert sends(router, "a", number=OTHER_NUMBER)[0].kind == "accepted"
    assert missing(sends(router, "b", number=BORNE)[0])


def test_our_own_message_does_not_count_as_the_citizen_writing() -> None:
    router = Router()
    decision, _ = sends(router, "a", **NEWS)
    assert missing(sends(router, "b", to="", conversation=decision.conversation)[0])


def test_consent_that_comes_with_an_answer_is_put_on_record_too() -> None:
    router = Router()
    open_conversation(router, 1)
    decision, changes = sends(router, "a", second=2, **NEWS)
    assert decision.purpose == "" and changes.consent
    assert sends(router, "b", second=60 * DAY, purpose="nieuws")[0].purpose == "nieuws"


def test_stop_ends_all_consent_and_what_they_wrote_before_counts_no_more() -> None:
    router = Router()
    open_conversation(router, 1)
    sends(router, "a", second=2, **NEWS)
    sends(router, "b", second=2, **(NEWS | {"purpose": "afval"}))
    stopped = says(router, "STOP", 10)
    assert stopped.ended == ("afval", "nieuws")
    assert {(c.ended_at, c.ended_by) for c in router.consents.values()} == {(at(10), "stop")}
    assert missing(sends(router, "c", second=11)[0])
    refused, _ = sends(router, "d", second=11, purpose="nieuws")
    assert refused.reason == str(WITHDRAWN)


def test_stop_is_of_one_municipality() -> None:
    router = Router()
    for number in ("10000001", BORNE):
        sends(router, number, number=number, **NEWS)
    assert says(router, "stop", 10, number=BORNE).ended == ("nieuws",)
    assert sends(router, "a", second=11, purpose="nieuws")[0].kind == "accepted"
    assert missing(sends(router, "b", second=11, purpose="nieuws", number=BORNE)[0])


def test_a_second_stop_ends_nothing_and_says_so_on_no_record() -> None:
    router = Router()
    sends(router, "a", **NEWS)
    first = router.takes(inbound(text("wamid.1", "STOP", phone=ANNAS), second=10))
    second = router.takes(inbound(text("wamid.2", "STOP", phone=ANNAS), second=20))
    assert data(records_of(first)[-1])["consentEnded"] == ["nieuws"]
    assert "consentEnded" not in data(records_of(second)[-1])
    [consent] = router.consents.values()
    assert consent.ended_at == at(10)


@pytest.mark.parametrize("ends", [lambda r: says(r, "STOP", 10), lambda r: turns_off(r, 10)])
@pytest.mark.parametrize("known", [True, False])
def test_proof_from_before_a_stop_counts_no_more_and_from_after_it_does(
    ends: Any, known: bool
) -> None:
    """Also of consent that nobody had put on record before."""
    router = Router()
    if known:
        sends(router, "a", **NEWS)
    ends(router)
    for second in (0, 9, 10):
        refused, changes = sends(router, f"b{second}", 11, **(NEWS | {"given_at": at(second)}))
        assert refused.reason == str(WITHDRAWN) and changes.consent is None
    anew = NEWS | {"given_at": at(10.5)}
    assert sends(router, "c", second=12, **anew)[0].kind == "accepted"
    assert sends(router, "d", second=13, purpose="nieuws")[0].kind == "accepted"
    assert missing(sends(router, "e", second=13, purpose="afval")[0])


def test_stop_and_what_follows_it_in_one_batch_are_decided_in_their_order() -> None:
    router = Router()
    given = {"type": "template", "text": "", "to": ANNAS}
    said = router.takes(
        command("a", second=1, **given, **NEWS),
        inbound(text("wamid.1", "STOP", phone=ANNAS), second=2),
        command("b", second=3, purpose="nieuws", **given),
        command("c", second=4, **given, **(NEWS | {"given_at": at(3)})),
        command("d", second=5, purpose="nieuws", **given),
    )
    assert [d.kind for d in decisions(said)] == [
        *("accepted", "message", "refused", "accepted", "accepted")
    ]


def test_message_after_stop_allows_answers_again() -> None:
    router = Router()
    says(router, "STOP", 10)
    assert missing(sends(router, "a", second=11)[0])
    says(router, "mijn container is stuk", 20)
    assert sends(router, "b", second=21)[0].kind == "accepted"


def test_turning_marketing_off_ends_consent_but_not_answers() -> None:
    router = Router()
    sends(router, "a", **NEWS)
    decision = turns_off(router, 10)
    assert decision.ended == ("nieuws",)
    assert missing(sends(router, "b", second=11, purpose="nieuws")[0])
    turns_off(router, 12, "resume")
    assert missing(sends(router, "c", second=13, purpose="nieuws")[0])
    other = Router()
    open_conversation(other, 1)
    turns_off(other, 10)
    assert sends(other, "d", second=11)[0].kind == "accepted"


def test_consent_is_recorded_and_ended_by_order_of_somebody_who_never_wrote() -> None:
    router = Router()
    given = router.takes(command("a", second=1, type="consent", text="", to=ANNAS, **NEWS))
    [(_, _, changes)], [decision] = given, decisions(given)
    assert (decision.kind, decision.status, decision.conversation) == ("accepted", "done", "")
    assert changes.outgoing and changes.outgoing.status == "done" and changes.identities
    [record] = records_of(given)
    assert (record.kind, record.tenant, data(record)["event"]) == ("consent", "almelo", "given")
    assert data(record)["source"] == "formulier 12"
    assert sends(router, "b", purpose="nieuws", second=2)[0].kind == "accepted"
    ends = {"type": "withdraw", "text": "", "to": ANNAS, "purpose": "nieuws"}
    ended = router.takes(command("c", second=3, **ends))
    assert decisions(ended)[0].ended == ("nieuws",)
    assert data(records_of(ended)[0])["event"] == "ended"
    assert missing(sends(router, "d", purpose="nieuws", second=4)[0])
    [again] = decisions(router.takes(command("e", second=5, **ends)))
    assert (again.status, again.ended) == ("done", ())
    late = command("f", second=6, type="consent", text="", to=ANNAS, **NEWS)
    [refused] = decisions(router.takes(late))
    assert refused.reason == str(WITHDRAWN)


def test_consent_purposes_of_one_person_are_bounded() -> None:
    router = Router()
    for n in range(PURPOSES):
        given = NEWS | {"purpose": f"doel-{n}"}
        assert sends(router, f"a{n}", **given)[0].kind == "accepted"
    refused, changes = sends(router, "b", **NEWS)
    assert refused.reason.startswith("consent_full: ") and changes.consent is None
    assert sends(router, "c", second=2, purpose="doel-3")[0].kind == "accepted"
    assert sends(router, "d", to="31699999999", **NEWS)[0].kind == "accepted"


def test_another_municipality_records_nothing_with_our_number() -> None:
    router = Router()
    given = command("a", second=1, type="consent", text="", to=ANNAS, tenant="borne", **NEWS)
    [refused] = decisions(router.takes(given))
    assert refused.reason.startswith("number_unknown: ") and router.consents == {}


def test_merged_person_keeps_withdrawals_of_both() -> None:
    router = Router()
    one = open_conversation(router, 1)
    two = open_conversation(router, 2, phone="31622222222")
    sends(router, "a", second=3, **NEWS)
    sends(router, "b", second=3, to="31622222222", **(NEWS | {"purpose": "afval"}))
    said = text("wamid.stop", "STOP", phone="31622222222")
    router.takes(inbound(said, second=10))
    merged = router.takes(
        command("c", second=20, type="merge", conversation=one.conversation, other=two.conversation)
    )
    assert decisions(merged)[0].ended == ("nieuws",)
    assert data(records_of(merged)[-1])["consentEnded"] == ["nieuws"]
    for purpose in ("nieuws", "afval"):
        assert missing(sends(router, purpose, second=21, purpose=purpose)[0])


def test_the_record_of_a_template_says_by_which_consent_it_went() -> None:
    router = Router()
    said = router.takes(command("a", second=1, type="template", text="", to=ANNAS, **NEWS))
    [record] = [r for r in records_of(said) if r.kind == "message"]
    assert data(record)["purpose"] == "nieuws"
    assert data(record)["consent"]["source"] == "formulier 12"
