"""Business-initiated templates: sent by consent, until STOP."""

from collections.abc import Callable
from typing import Any

import pytest

from router.conversation.consent import PURPOSES
from router.conversation.refusals import TEST_TOKEN
from router.model.changes import Changes
from services.whatsapp.delivery_status import WITHDRAWN
from tests.support.router.commands import command
from tests.support.router.decisions import DecisionView, data, decisions, records_of
from tests.support.router.harness import Router, decide_one, open_conversation
from tests.support.router.names import ANNA, BERT, BORNE, NUMBER, OTHER_NUMBER, at
from tests.support.router.webhooks import body, change, inbound, receipt, text

PHONE, STRANGER = ANNA["phone"], "31699999999"
NEWS: dict[str, Any] = {"purpose": "nieuws", "given_at": at(0), "source": "formulier 12"}
WASTE = NEWS | {"purpose": "afval"}
DAY = 86400
MISSING = "consent_missing"
Step = Callable[[Router], object]


def send(router: Router, second: float = 1, **more: Any) -> tuple[DecisionView, Changes]:
    """Command a template to Anna without consent, unless `more` says otherwise."""
    given = {"type": "template", "text": "", "to": PHONE, "purpose": ""} | more
    return decide_one(router, command(f"{second} {more}", second=second, **given))


def code(decision: DecisionView) -> str:
    """Return `accepted`, the code of the refusal, or the sentence of a withdrawn consent."""
    if decision.kind != "refused" or decision.reason == str(WITHDRAWN):
        return str(decision.reason if decision.kind == "refused" else decision.kind)
    return str(decision.reason.partition(":")[0])


def sends(expected: str, second: float = 1, **more: Any) -> Step:
    def step(router: Router) -> None:
        assert code(send(router, second, **more)[0]) == expected, (second, more)

    return step


def writes(words: str, second: float, number: str = NUMBER) -> Step:
    message = text(f"wamid.{second}", words, phone=PHONE, sent=second)
    return lambda router: router.takes(inbound(message, second=second, number=number))


def sets_marketing(value: str, second: float) -> Step:
    choice = {"wa_id": PHONE, "category": "marketing_messages", "value": value}
    given = body(change(NUMBER, "user_preferences", user_preferences=[choice]))
    return lambda router: router.takes(receipt(given, second=second, name=str(second)))


BOTH = [NUMBER, BORNE]
COURSES: dict[str, list[Step]] = {
    "a template to a stranger needs consent, a text does not": [
        sends(MISSING),
        sends("accepted", type="text"),  # Meta knows whether it may go
        sends(MISSING, purpose="nieuws"),
    ],
    "consent holds for its purpose, person and municipality": [
        sends("accepted", **NEWS),
        sends("accepted", purpose="nieuws"),
        sends("accepted", purpose="nieuws", number=OTHER_NUMBER),
        sends(MISSING, purpose="afval"),
        sends(MISSING, purpose="nieuws", number=BORNE),
        sends(MISSING, purpose="nieuws", to=STRANGER),
    ],
    "a citizen who wrote may get templates of any number of the municipality": [
        writes("hallo", 0),
        sends("accepted", number=OTHER_NUMBER),
        sends(MISSING, number=BORNE),
    ],
    "eight weeks after a message it allows no template": [
        writes("hallo", 1),
        sends("accepted", 1 + 55 * DAY),
        sends(MISSING, 1 + 56 * DAY),
        sends(MISSING, 1 + 400 * DAY),
    ],
    "consent that comes with an answer holds later": [
        writes("hallo", 0),
        sends("accepted", 2, **NEWS),
        sends("accepted", 60 * DAY, purpose="nieuws"),
    ],
    "stop ends all consent, and earlier messages allow nothing": [
        writes("hallo", 0),
        sends("accepted", 2, **NEWS),
        writes("STOP", 10),
        sends(MISSING, 11),
        sends(str(WITHDRAWN), 11, purpose="nieuws"),
    ],
    "stop concerns one municipality": [
        *(sends("accepted", number=number, **NEWS) for number in BOTH),
        writes("stop", 10, number=BORNE),
        sends("accepted", 11, purpose="nieuws"),
        sends(str(WITHDRAWN), 11, purpose="nieuws", number=BORNE),
    ],
    "a message after stop allows answers again": [
        writes("STOP", 10),
        sends(MISSING, 11),
        writes("mijn container is stuk", 20),
        sends("accepted", 21),
    ],
    "turning marketing off ends consent, turning it on gives none": [
        sends("accepted", **NEWS),
        sets_marketing("stop", 10),
        sends(str(WITHDRAWN), 11, purpose="nieuws"),
        sets_marketing("resume", 12),
        sends(str(WITHDRAWN), 13, purpose="nieuws"),
    ],
    "turning marketing off leaves answers allowed": [
        writes("hallo", 0),
        sets_marketing("stop", 10),
        sends("accepted", 11),
    ],
    "the purposes of one person are bounded": [
        *(sends("accepted", **NEWS | {"purpose": f"doel-{n}"}) for n in range(PURPOSES)),
        sends("consent_full", **NEWS),
        sends("accepted", 2, purpose="doel-3"),
        sends("accepted", to=STRANGER, **NEWS),
    ],
} | {
    f"proof from before {name} counts no more, {known} on record": [
        *([sends("accepted", **NEWS)] if known == "consent" else []),
        ends,
        *(sends(str(WITHDRAWN), 11, **NEWS | {"given_at": at(second)}) for second in (0, 9, 10)),
        sends("accepted", 12, **NEWS | {"given_at": at(10.5)}),
        sends("accepted", 13, purpose="nieuws"),
        sends(MISSING, 13, purpose="afval"),
    ]
    for name, ends in [("STOP", writes("STOP", 10)), ("stop", sets_marketing("stop", 10))]
    for known in ("consent", "nothing")
}  # fmt: skip


@pytest.mark.parametrize("course", COURSES)
def test_consent_decides_which_templates_go_out(course: str) -> None:
    router = Router()
    for step in COURSES[course]:
        step(router)


def test_refused_template_is_not_sent_and_fails() -> None:
    _, changes = send(Router())
    assert changes.send is None and changes.consent is None
    assert changes.outgoing and changes.outgoing.status == "failed"


def test_consent_is_stored_with_its_evidence_and_named_by_the_message() -> None:
    router = Router()
    decision, changes = send(router, **NEWS)
    assert decision.purpose == "nieuws"
    assert changes.send and changes.send.purpose == "nieuws"
    [consent] = router.consents.values()
    assert (consent.purpose, consent.source, consent.given_at) == ("nieuws", "formulier 12", at(0))
    assert (consent.recorded_at, consent.recorded_by, consent.ended_at) == (at(1), "crm", None)


@pytest.mark.parametrize("type", ["consent", "withdraw"])
def test_test_token_changes_no_consent(type: str) -> None:
    router = Router()
    send(router, **NEWS)
    order = command("test", type, second=2, to=PHONE, test=True, **NEWS | {"given_at": at(1)})
    decision, changes = decide_one(router, order)
    assert (decision.reason, changes.consent) == (str(TEST_TOKEN), None)


def test_consent_that_comes_with_a_test_is_for_that_message_alone() -> None:
    router = Router()
    decision, changes = send(router, test=True, **NEWS)
    assert decision.purpose == "nieuws" and changes.send and changes.send.test
    assert changes.consent is None and router.consents == {}
    assert code(send(router, 2, purpose="nieuws")[0]) == MISSING


def test_answer_names_no_consent_though_it_brings_one() -> None:
    router = Router()
    open_conversation(router)
    decision, changes = send(router, 2, **NEWS)
    assert decision.purpose == "" and changes.consent
    assert changes.send and changes.send.purpose == ""


def test_repeated_template_command_changes_nothing() -> None:
    router = Router()
    given = command("a", "template", second=1, text="", to=PHONE, **NEWS)
    first, again = router.takes(given), router.takes(given)
    assert decisions(first) == decisions(again) and records_of(first) == records_of(again)
    assert again[0][2] == Changes() and len(router.changes) == 1


def test_only_newer_consent_is_stored_and_none_of_the_future() -> None:
    router = Router()
    send(router, **NEWS)
    _, changes = send(router, 2, **NEWS)
    assert changes.consent is None and changes.send
    _, changes = send(router, 3, **NEWS | {"given_at": at(3600), "source": "balie"})
    assert changes.consent and changes.consent.source == "balie"
    assert changes.consent.given_at == at(3)


def test_own_message_does_not_count_as_the_citizen_writing() -> None:
    router = Router()
    decision, _ = send(router, **NEWS)
    assert code(send(router, to="", conversation=decision.conversation)[0]) == MISSING


def test_stop_ends_every_consent_once() -> None:
    router = Router()
    send(router, **NEWS)
    send(router, **WASTE)
    ended = [
        data(records_of(router.takes(inbound(text(f"w{n}", "STOP", phone=PHONE), second=n)))[-1])
        for n in (10, 20)
    ]
    assert [each.get("consentEnded") for each in ended] == [["afval", "nieuws"], None]
    assert {(c.ended_at, c.ended_by) for c in router.consents.values()} == {(at(10), "stop")}


def test_stop_and_later_commands_of_one_batch_are_decided_in_their_order() -> None:
    router = Router()
    given = {"type": "template", "text": "", "to": PHONE}
    said = router.takes(
        command("a", second=1, **given, **NEWS),
        inbound(text("wamid.1", "STOP", phone=PHONE), second=2),
        command("b", second=3, purpose="nieuws", **given),
        command("c", second=4, **given, **(NEWS | {"given_at": at(3)})),
        command("d", second=5, purpose="nieuws", **given),
    )
    kinds = ["accepted", "message", "refused", "accepted", "accepted"]
    assert [d.kind for d in decisions(said)] == kinds


def test_consent_is_recorded_and_ended_by_command_of_a_citizen_who_never_wrote() -> None:
    router = Router()
    given = {"type": "consent", "text": "", "to": PHONE} | NEWS
    said = router.takes(command("a", second=1, **given))
    [decision], [record] = decisions(said), records_of(said)
    assert (decision.kind, decision.status, decision.conversation) == ("accepted", "done", "")
    changes = router.changes[-1]
    assert changes.outgoing and changes.outgoing.status == "done" and changes.identities
    assert (record.kind, record.tenant) == ("consent", "almelo")
    assert (data(record)["event"], data(record)["source"]) == ("given", "formulier 12")
    sends("accepted", 2, purpose="nieuws")(router)
    ends = {"type": "withdraw", "text": "", "to": PHONE, "purpose": "nieuws"}
    said = router.takes(command("c", second=3, **ends))
    assert decisions(said)[0].ended == ("nieuws",)
    assert data(records_of(said)[0])["event"] == "ended"
    sends(str(WITHDRAWN), 4, purpose="nieuws")(router)
    again, _ = decide_one(router, command("e", second=5, **ends))
    assert (again.status, again.ended) == ("done", ())
    refused, _ = decide_one(router, command("f", second=6, **given))
    assert code(refused) == str(WITHDRAWN)


def test_consent_for_a_number_of_another_municipality_is_refused() -> None:
    router = Router()
    given = command("a", "consent", second=1, text="", to=PHONE, tenant="borne", **NEWS)
    assert code(decide_one(router, given)[0]) == "number_unknown" and router.consents == {}


def test_merged_person_keeps_withdrawals_of_both() -> None:
    router = Router()
    one, two = open_conversation(router, 1), open_conversation(router, 2, **BERT)
    send(router, 3, **NEWS)
    send(router, 3, to=BERT["phone"], **WASTE)
    router.takes(inbound(text("wamid.stop", "STOP", **BERT), second=10))
    both = {"conversation": one.conversation, "other": two.conversation}
    merged = router.takes(command("c", "merge", second=20, **both))
    assert decisions(merged)[0].ended == ("nieuws",)
    assert data(records_of(merged)[-1])["consentEnded"] == ["nieuws"]
    sends(str(WITHDRAWN), 21, purpose="nieuws")(router)
    sends(MISSING, 21, purpose="afval")(router)


def test_record_of_a_template_names_its_consent() -> None:
    said = Router().takes(command("a", "template", second=1, text="", to=PHONE, **NEWS))
    [record] = [r for r in records_of(said) if r.kind == "message"]
    assert (data(record)["purpose"], data(record)["consent"]["source"]) == (
        "nieuws",
        NEWS["source"],
    )
