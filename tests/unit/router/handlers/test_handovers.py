"""A conversation in the hands of people: passed on, held, let go, found to be somebody else's."""

from typing import Any

import pytest

from router.conversation.auto_reply import MAX_AUTO_TEXTS
from router.conversation.refusals import CLOSED, HELD, NO_CONVERSATION, OUTCOME_NEEDED, SAME
from router.handlers.conversation_commands import MOVES, TOO_OFTEN
from router.output.crm_events import CLOSED as CLOSED_EVENT
from router.output.crm_events import RECEIVED, TRANSFERRED
from tests.support.router.commands import MACHINE
from tests.support.router.config_full import BORNE, DESK, config
from tests.support.router.decisions import data, records_of
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import status, statuses

BERT = {"bsuid": "NL.bert", "phone": "31622222222"}
TELLS = ["doorgestuurd", "afgesloten"]


def at_work(words: str = "mijn container", **more: Any) -> Stadhuis:
    hall = Stadhuis(**more)
    hall.hears(words)
    return hall


@pytest.mark.parametrize(
    ("to", "text"),
    [
        ("burgerzaken", "Uw vraag is nu bij Burgerzaken."),
        ("zorg", "Uw vraag is nu bij een collega."),  # no citizen reads that it is youth care
    ],
)
def test_the_citizen_hears_where_it_is_under_the_name_for_citizens(to: str, text: str) -> None:
    hall = at_work()
    hall.orders("transfer", to_department=to)
    assert hall.bodies == [text]


@pytest.mark.parametrize("automatic", [[], ["doorgestuurd"], ["afgesloten"], TELLS])
def test_handover_texts_go_only_when_configured(automatic: list[str]) -> None:
    hall = at_work(given=config(tenant={"automatic": automatic}))
    hall.orders("transfer", to_department="burgerzaken")
    hall.orders("close")
    assert hall.heard == [name for name in TELLS if name in automatic]


@pytest.mark.parametrize("hours", [23, 24, 240])
def test_handover_texts_go_only_within_the_customer_service_window(hours: float) -> None:
    hall = at_work(given=config(tenant={"wait_minutes": 0}))
    hall.after(hours=hours).orders("transfer", to_department="burgerzaken")
    hall.orders("close")
    assert hall.heard == (TELLS if hours < 24 else [])


def test_into_the_queue_of_a_colleague_the_citizen_hears_nothing() -> None:
    hall = at_work()
    said = hall.orders("transfer", to_department="groen", employee="piet")
    assert (said.assignee, hall.state.assignee, hall.heard) == ("piet", "piet", [])
    assert said.event and data(hall.told[-1])["assignee"] == "piet"
    again = hall.orders("transfer", to_department="groen", employee="piet")
    assert again.event is None
    assert hall.orders("transfer", to_department="burgerzaken").assignee == ""


def test_transfer_without_a_department_goes_to_the_front_desk() -> None:
    hall = at_work()
    said = hall.orders("transfer", reason="niet van ons")
    assert (said.department, said.reason) == ("klantcontact", "overgedragen: niet van ons")
    desk = at_work(number=DESK)
    assert desk.orders("transfer").department == "balie"


@pytest.mark.parametrize("employees", [("", ""), ("piet", "klaas")])
def test_transfers_between_two_machines_end_at_the_front_desk(
    employees: tuple[str, str],
) -> None:
    hall = at_work(given=config(tenant={"wait_minutes": 0}))
    went: list[Any] = []
    for n in range(40):
        to = ("burgerzaken", "groen")[n % 2]
        hall.after(minutes=1)
        went.append(hall.orders("transfer", to_department=to, employee=employees[n % 2]))
    assert [d.department for d in went[:MOVES]] == ["burgerzaken", "groen"] * (MOVES // 2)
    assert {d.department for d in went[MOVES:]} == {"klantcontact"}
    assert went[MOVES].reason == TOO_OFTEN
    assert all(d.event is None and d.kind == "accepted" for d in went[MOVES + 1 :])
    assert hall.heard == ["doorgestuurd"] * MAX_AUTO_TEXTS
    assert hall.hears("mijn paspoort").department == "klantcontact"
    hall.orders("text", author=MACHINE)
    assert hall.orders("transfer", to_department="groen").department == "klantcontact"
    hall.orders("text")
    assert hall.orders("transfer", to_department="groen").department == "groen"


def test_a_conversation_that_a_rule_holds_is_told_as_held_until_it_is_let_go() -> None:
    hall = at_work("ik meld fraude")
    first = hall.router.conversations[hall.id]
    assert (first.department, first.state.held) == ("klantcontact", True)
    said = [hall.hears("bij de buren"), hall.orders("transfer", to_department="groen")]
    assert [d.held for d in said] == [True, True]
    let_go = hall.orders("release")
    assert (let_go.releases, let_go.held, hall.state.held) == (True, False, False)
    assert not hall.hears("en nu?").held
    heard = [m for r in records_of(hall.done) if (m := data(r)).get("direction") == "in"]
    assert [message.get("held", False) for message in heard] == [True, True, False]
    hall.after(hours=1)
    assert hall.happened == ["waiting"]


def test_a_rule_that_holds_decides_and_leaves_it_where_it_is() -> None:
    hall = Stadhuis()
    said = hall.hears("ik meld fraude")
    assert (said.department, said.held, said.task, said.provisional) == (
        "klantcontact",
        True,
        True,
        False,
    )
    assert hall.heard == []  # and asks nothing
    assert hall.hears("met een container").department == "groen"


def merged(**more: Any) -> tuple[Stadhuis, str, str]:
    """Anna's conversation, into which that of Bert is taken."""
    hall = at_work()
    anna = hall.id
    bert = hall.hears("mijn container ook", who=BERT).conversation
    hall.id = anna
    done = hall.orders("merge", merge_from=bert, **more)
    assert done.kind == "accepted" and done.merged == bert
    return hall, anna, bert


def test_merged_people_continue_in_one_conversation() -> None:
    hall, anna, bert = merged()
    assert hall.router.conversations[bert].closed_at == hall.now
    later = hall.hears("en nu?", who=BERT)
    assert later.conversation == anna
    assert hall.hears("bent u er?").conversation == anna
    people = {i.person for i in hall.router.identities.values()}
    assert people == {hall.router.conversations[anna].person}
    hall.after(days=1)
    assert hall.orders("text", conversation="", to=BERT["phone"]).conversation == anna


def test_merge_keeps_open_work_and_tells_the_former_department() -> None:
    hall = at_work()
    anna = hall.id
    hall.orders("text")  # so that nobody waits here
    other = hall.hears("ik maak bezwaar tegen mijn paspoort", who=BERT)
    waiting = hall.router.conversations[other.conversation].state.waiting_since
    hall.id, told = anna, len(hall.told)
    done = hall.orders("merge", merge_from=other.conversation)
    state, ended = hall.state, hall.router.conversations[other.conversation]
    assert (state.tags, state.due, state.waiting_since) == (("officieel",), other.due, waiting)
    assert (ended.state.waiting_since, ended.state.due, bool(ended.closed_at)) == (None, None, True)
    [event] = hall.told[told:]
    assert (event.type, event.conversation, event.department) == (
        CLOSED_EVENT, other.conversation, "burgerzaken",
    )  # fmt: skip
    assert event.sequence == ended.sequence > other.sequence
    assert data(event)["reason"] == f"samengevoegd met {anna}"
    assert done.merged_sequence == ended.sequence
    hall.after(hours=2)
    assert "waiting" in hall.happened
    assert hall.orders("close").reason == OUTCOME_NEEDED


def test_a_danger_that_nobody_has_seen_goes_on_too() -> None:
    hall = at_work()
    anna = hall.id
    other = hall.hears("ik sla jullie", who=BERT).conversation
    hall.id = anna
    hall.orders("merge", merge_from=other)
    assert (hall.state.care, hall.state.priority) == ("threat", "urgent")
    assert hall.woken == ["wacht"]
    hall.after(minutes=11)
    assert hall.woken == ["piket"]
    hall.orders("confirm")
    hall.after(hours=1)
    assert hall.woken == []


@pytest.mark.parametrize("held", ["this", "other"])
def test_withheld_conversation_is_released_before_a_merge(held: str) -> None:
    words = {"this": ("ik meld fraude", "mijn container"), "other": ("dag", "ik meld fraude")}
    hall = at_work(words[held][0])
    anna = hall.id
    other = hall.hears(words[held][1], who=BERT).conversation
    hall.id = anna
    assert hall.orders("merge", merge_from=other).reason == HELD


def test_nothing_goes_on_in_what_is_closed() -> None:
    hall = at_work()
    anna = hall.id
    other = hall.hears("mijn container ook", who=BERT).conversation
    hall.id = anna
    hall.orders("close")
    assert hall.orders("merge", merge_from=other).reason == CLOSED


def test_closing_lets_go_what_was_held() -> None:
    hall = at_work("ik meld fraude")
    done = hall.orders("close")
    assert (done.releases, done.held, hall.state.held) == (True, False, False)


def test_withheld_conversation_is_not_closed_by_a_timer() -> None:
    hall = at_work("ik meld fraude")
    hall.orders("text")
    hall.after(days=60)
    assert hall.router.conversations[hall.id].closed_at is None


def test_danger_lets_go_what_was_held() -> None:
    hall = at_work("ik meld fraude")
    said = hall.hears("ik sla jullie")
    assert (said.releases, said.held, hall.state.held) == (True, False, False)
    both = at_work("ik meld fraude en ik sla jullie")
    assert not both.state.held


def test_a_status_of_what_is_held_is_held_too() -> None:
    hall = at_work("ik meld fraude")
    sent = hall.orders("text")
    delivered = status("wamid.ours", "delivered", f"{sent.message}.1")
    [said] = hall.takes(statuses(delivered, second=hall.second, number=hall.number))
    assert (said.status, said.event is not None, said.held) == ("delivered", True, True)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("self", SAME),
        ("none", NO_CONVERSATION),
        ("desk", NO_CONVERSATION),
        ("borne", NO_CONVERSATION),
        ("zorg", NO_CONVERSATION),
    ],
)
def test_impossible_merge_is_refused(other: str, reason: str) -> None:
    hall = at_work()
    anna = hall.id
    there = {
        "self": anna,
        "none": "30000001-aaaa",
        "desk": hall.hears("mijn container", who=BERT, number=DESK).conversation,
        "borne": hall.hears("mijn container", who=BERT, number=BORNE).conversation,
        "zorg": hall.hears("jeugdzorg", who={"phone": "31633333333"}).conversation,
    }
    before = dict(hall.router.conversations)
    done = hall.orders(
        "merge", conversation=anna, merge_from=there[other], departments=["groen", "burgerzaken"]
    )
    assert (done.kind, done.reason) == ("refused", reason)
    assert hall.router.conversations == before


@pytest.mark.parametrize(
    "order", ["text", "transfer", "close", "note", "link", "confirm", "release", "merge"]
)
@pytest.mark.parametrize("more", [{"tenant": "borne"}, {"number": BORNE}, {"number": "40000000"}])
def test_command_of_another_municipality_is_refused(order: str, more: dict[str, str]) -> None:
    hall = at_work("ik wil dood en meld fraude")
    before = dict(hall.router.conversations)
    told = len(hall.told)
    done = hall.orders(order, to_department="klantcontact", zaak="Z", merge_from=hall.id, **more)
    assert done.kind == "refused"
    assert hall.router.conversations == before and len(hall.told) == told


def test_message_to_another_municipality_changes_nothing_here() -> None:
    hall = at_work()
    before = dict(hall.router.conversations)
    said = hall.hears("bezwaar, ik wil dood, STOP", number=BORNE)
    assert said.tenant == "borne"
    assert {k: v for k, v in hall.router.conversations.items() if k in before} == before
    people = {i.tenant: i.person for i in hall.router.identities.values()}
    assert people["borne"] != people["hengelo"]
    assert all(choice.tenant == "borne" for choice in hall.router.opt_outs.values())


def test_a_number_that_nobody_configured_is_put_aside() -> None:
    hall = Stadhuis()
    assert hall.hears("mijn container", number="40000000").kind == "quarantined"
    assert hall.router.conversations == {}


def test_department_hears_of_every_transfer_by_a_person() -> None:
    hall = at_work("mijn paspoort")
    hall.orders("transfer", to_department="groen")
    hall.hears("en nu?")
    assert [event.type for event in hall.told] == [RECEIVED, TRANSFERRED, TRANSFERRED, RECEIVED]
