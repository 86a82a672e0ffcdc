"""Conversations in the hands of people: transferred, withheld, released, merged."""

from typing import Any

import pytest

from router.conversation import refusals
from router.conversation.auto_reply import MAX_AUTO_TEXTS
from router.conversation.refusals import CLOSED, HELD, NO_CONVERSATION, OUTCOME_NEEDED, SAME
from router.handlers.conversation_commands import MOVES, TOO_OFTEN
from services.contract import Author
from services.event_types import CLOSED as CLOSED_EVENT
from services.event_types import RECEIVED, TRANSFERRED, WAITING
from tests.support.router.commands import MACHINE, SANNE
from tests.support.router.config_full import BORNE, DESK, config
from tests.support.router.decisions import data, records_of
from tests.support.router.names import ANNA, BERT
from tests.support.router.script import play
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import status, statuses

TEXTS = ["doorgestuurd", "afgesloten"]
SCRIPTS = {
    "handover texts go within the customer service window": """
        = 2026-11-25 13:00 wait_minutes=0
        mijn container
        +23h /transfer burgerzaken      -> doorgestuurd
        /close                          -> afgesloten""",
    "handover texts do not go after the customer service window": """
        = 2026-11-25 13:00 wait_minutes=0
        mijn container
        +24h /transfer burgerzaken; /close""",
    "a transfer without a department goes to the fallback": """
        mijn container; /transfer       -> doorgestuurd, @klantcontact""",
    "a transfer without a department goes to the fallback of its number": """
        = 2026-11-25 13:00 number=desk
        mijn container; /transfer       -> doorgestuurd, @balie""",
    "a withheld conversation is released by a command": """
        ik meld fraude                  -> held, @klantcontact
        bij de buren                    -> held
        /transfer groen                 -> doorgestuurd, held
        /release                        -> releases, no held
        en nu?                          -> no held
        +1h                             -> duurt_langer, ~waiting""",
    "a rule that withholds asks nothing, and another may decide": """
        ik meld fraude                  -> @klantcontact, held, task, no provisional
        met een container               -> @groen""",
    "a closing releases": "ik meld fraude; /close -> afgesloten, releases, no held",
    "danger releases": "ik meld fraude; ik sla jullie -> !wacht, releases, no held",
    "danger in the same message withholds nothing": """
        ik meld fraude en ik sla jullie -> !wacht, no held""",
    "a withheld conversation is not closed by a timer": """
        ik meld fraude; /text; +60d""",
}  # fmt: skip


def at_work(words: str = "mijn container", **more: Any) -> Stadhuis:
    hall = Stadhuis(**more)
    hall.hears(words)
    return hall


def with_bert(
    words: str = "mijn container ook", hers: str = "mijn container"
) -> tuple[Stadhuis, str]:
    """Anna's conversation, and the id of Bert's."""
    hall = at_work(hers)
    anna = hall.id
    bert = hall.hears(words, who=BERT).conversation
    hall.id = anna
    return hall, bert


@pytest.mark.parametrize("case", SCRIPTS)
def test_handover(case: str) -> None:
    hall = play(SCRIPTS[case])
    if "closed by a timer" in case:
        assert hall.conversation.closed_at is None


@pytest.mark.parametrize(
    ("to", "text"),
    [
        ("burgerzaken", "Uw vraag is nu bij Burgerzaken."),
        ("zorg", "Uw vraag is nu bij een collega."),  # no citizen reads that it is youth care
    ],
)
def test_text_about_a_transfer_has_the_public_name_of_the_department(to: str, text: str) -> None:
    hall = at_work()
    hall.orders("transfer", to_department=to)
    assert hall.bodies == [text]


@pytest.mark.parametrize("automatic", [[], ["doorgestuurd"], ["afgesloten"], TEXTS])
def test_handover_texts_go_only_when_configured(automatic: list[str]) -> None:
    hall = at_work(given=config(tenant={"automatic": automatic}))
    hall.orders("transfer", to_department="burgerzaken")
    hall.orders("close")
    assert hall.heard == [name for name in TEXTS if name in automatic]


@pytest.mark.parametrize(("order", "to"), [("transfer", "burgerzaken"), ("close", "groen")])
def test_status_of_a_handover_text_is_told(order: str, to: str) -> None:
    """The command has a status, and so has the text beside it."""
    hall = at_work()
    hall.orders(order, to_department="burgerzaken")
    sent = hall.router.changes[-1].send
    assert sent
    read = status("wamid.text", "read", f"{sent.id}.1")
    [said] = hall.takes(statuses(read, second=hall.second, number=hall.number))
    assert said.event is not None
    outgoing = hall.router.outgoing[sent.id]
    assert (outgoing.status, outgoing.department) == ("read", to)


def test_transfer_to_a_colleague_sends_no_text() -> None:
    hall = at_work()
    said = hall.orders("transfer", to_department="groen", employee="piet")
    assert (said.assignee, hall.state.assignee, hall.heard) == ("piet", "piet", [])
    assert said.event and data(hall.told[-1])["assignee"] == "piet"
    by = data(hall.told[-1])["by"]["author"], data(records_of(hall.done)[-1])["by"]["author"]
    assert by == ({"kind": "employee", "id": "sanne"},) * 2
    again = hall.orders("transfer", to_department="groen", employee="piet")
    assert again.event is None
    system = Author(kind="system", id="openklant")
    hall.orders("transfer", to_department="groen", employee="klaas", author=system)
    assert data(hall.told[-1])["by"]["author"] == {"kind": "system", "id": "openklant"}
    assert hall.orders("transfer", to_department="burgerzaken").assignee == ""


def test_reason_of_a_transfer_is_that_of_its_author() -> None:
    said = at_work().orders("transfer", reason="niet van ons")
    assert (said.department, said.reason) == ("klantcontact", "overgedragen: niet van ons")


@pytest.mark.parametrize("employees", [("", ""), ("piet", "klaas")])
def test_transfers_between_two_machines_end_at_the_fallback(employees: tuple[str, str]) -> None:
    hall = at_work(given=config(tenant={"wait_minutes": 0}))
    went: list[Any] = []
    for n in range(40):
        to = ("burgerzaken", "groen")[n % 2]
        hall.after(minutes=1)
        went.append(hall.orders("transfer", to_department=to, employee=employees[n % 2]))
    assert [d.department for d in went[:MOVES]] == ["burgerzaken", "groen"] * (MOVES // 2)
    assert went[MOVES].department == "klantcontact"
    assert went[MOVES].reason == TOO_OFTEN
    assert {(d.kind, d.reason) for d in went[MOVES + 1 :]} == {("refused", str(refusals.TOO_OFTEN))}
    assert hall.heard == ["doorgestuurd"] * MAX_AUTO_TEXTS
    script = """
        mijn paspoort                   -> @klantcontact
        /machine; /transfer groen       -> @klantcontact
        /text; /transfer groen          -> @groen"""
    play(script, hall)


def test_messages_and_statuses_of_a_withheld_conversation_are_held() -> None:
    hall = at_work("ik meld fraude")
    hall.hears("bij de buren")
    sent = hall.orders("text")
    delivered = status("wamid.ours", "delivered", f"{sent.message}.1")
    [said] = hall.takes(statuses(delivered, second=hall.second, number=hall.number))
    assert (said.status, said.event is not None, said.held) == ("delivered", True, True)
    hall.orders("release")
    hall.hears("en nu?")
    archived = [data(record) for record in records_of(hall.done)]
    held = [each.get("held", False) for each in archived if each.get("direction") == "in"]
    assert held == [True, True, False]


def test_merged_people_continue_in_one_conversation() -> None:
    hall, bert = with_bert()
    anna = hall.id
    done = hall.orders("merge", other=bert)
    assert done.kind == "accepted" and done.merged == bert
    assert hall.router.conversations[bert].closed_at == hall.now
    assert hall.hears("en nu?", who=BERT).conversation == anna
    assert hall.hears("bent u er?").conversation == anna
    people = {i.person for i in hall.router.identities.values()}
    assert people == {hall.conversation.person}
    hall.after(days=1)
    assert hall.orders("text", conversation="", to=BERT["phone"]).conversation == anna


def test_name_that_came_by_a_merge_is_marked_and_so_is_one_gained_later() -> None:
    """A number on trial sends to no one who is a guest by such a name alone."""
    hall, bert = with_bert()
    hall.orders("merge", other=bert)
    new = {"bsuid": BERT["bsuid"], "phone": "31600000099"}
    assert hall.hears("mijn nieuwe nummer", who=new).conversation == hall.id
    merged = {each.value: each.merged for each in hall.router.identities.values()}
    assert merged == {
        **dict.fromkeys(ANNA.values(), False),
        **dict.fromkeys((*BERT.values(), "31600000099"), True),
    }


@pytest.mark.parametrize(
    ("author", "still_waits"),
    [
        (None, False),
        (SANNE, False),
        (Author(kind="system", id="crm"), True),
        (MACHINE, True),
    ],
)
def test_only_an_employees_message_ends_the_waiting(
    author: Author | None, still_waits: bool
) -> None:
    hall = at_work()
    hall.hears("mijn container is vol")
    hall.orders("text", author=author)
    assert bool(hall.state.waiting_since) is still_waits


def test_merge_keeps_open_work_and_is_published_to_the_former_department() -> None:
    hall = at_work()
    anna = hall.id
    hall.orders("text")  # so that nobody waits here
    other = hall.hears("ik maak bezwaar tegen mijn paspoort", who=BERT)
    waiting = hall.state.waiting_since
    hall.id, told = anna, len(hall.told)
    done = hall.orders("merge", other=other.conversation)
    state, ended = hall.state, hall.router.conversations[other.conversation]
    assert (state.tags, state.due, state.waiting_since) == (("officieel",), other.due, waiting)
    assert (ended.state.waiting_since, ended.state.due, bool(ended.closed_at)) == (None, None, True)
    [event] = hall.told[told:]
    assert (event.type, event.department) == (CLOSED_EVENT, "burgerzaken")
    assert event.conversation == other.conversation
    assert event.sequence == ended.sequence == done.merged_sequence > other.sequence
    assert data(event)["reason"] == f"samengevoegd met {anna}"
    assert data(event)["transcript"] == f"/v1/conversations/{other.conversation}/transcript"
    hall.after(hours=2)
    assert "waiting" in hall.happened
    assert hall.orders("close").reason == str(OUTCOME_NEEDED)


def test_merge_keeps_an_unconfirmed_danger() -> None:
    hall, bert = with_bert("ik sla jullie")
    hall.orders("merge", other=bert)
    assert (hall.state.care, hall.state.priority) == ("threat", "urgent")
    assert hall.woken == ["wacht"]
    play("+11m -> ~alarmed, !piket\n /confirm; +48m", hall)


@pytest.mark.parametrize(
    ("hers", "his", "close", "reason"),
    [
        ("ik meld fraude", "mijn container", False, str(HELD)),
        ("dag", "ik meld fraude", False, str(HELD)),
        ("mijn container", "mijn container ook", True, str(CLOSED)),
    ],
)
def test_merge_of_a_withheld_or_closed_conversation_is_refused(
    hers: str, his: str, close: bool, reason: str
) -> None:
    hall, bert = with_bert(his, hers)
    if close:
        hall.orders("close")
    assert hall.orders("merge", other=bert).reason == reason


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("", {"other": "30000001-aaaa"}),
        ("mijn container", {"who": BERT, "number": DESK}),
        ("mijn container", {"who": BERT, "number": BORNE}),
        ("jeugdzorg", {"who": {"phone": "31633333333"}}),
    ],
)
def test_merge_with_an_inaccessible_conversation_is_refused(
    words: str, more: dict[str, Any]
) -> None:
    hall = at_work()
    anna = hall.id
    other = hall.hears(words, **more).conversation if words else more["other"]
    before = dict(hall.router.conversations)
    allowed = {"departments": ["groen", "burgerzaken"]}
    done = hall.orders("merge", conversation=anna, other=other, **allowed)
    assert (done.kind, done.reason) == ("refused", str(NO_CONVERSATION))
    assert hall.orders("merge", conversation=anna, other=anna, **allowed).reason == str(SAME)
    assert hall.router.conversations == before


@pytest.mark.parametrize(
    "order", ["text", "transfer", "close", "note", "link", "confirm", "release", "merge"]
)
@pytest.mark.parametrize("more", [{"tenant": "borne"}, {"number": BORNE}, {"number": "40000000"}])
def test_command_of_another_municipality_is_refused(order: str, more: dict[str, str]) -> None:
    hall = at_work("ik wil dood en meld fraude")
    before = dict(hall.router.conversations)
    told = len(hall.told)
    done = hall.orders(order, to_department="klantcontact", zaak="Z", other=hall.id, **more)
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


def test_message_to_an_unconfigured_number_is_quarantined() -> None:
    hall = Stadhuis()
    assert hall.hears("mijn container", number="40000000").kind == "quarantined"
    assert hall.router.conversations == {}


def test_department_hears_of_every_transfer_by_a_person() -> None:
    hall = at_work("mijn paspoort")
    hall.orders("transfer", to_department="groen")
    hall.hears("en nu?")
    assert [event.type for event in hall.told] == [RECEIVED, TRANSFERRED, TRANSFERRED, RECEIVED]


def test_closing_of_a_merged_conversation_names_its_own_zaak() -> None:
    hall, bert = with_bert("ik maak bezwaar tegen mijn paspoort")
    hall.orders("link", zaak="ZAAK-ANNA")
    hall.orders("link", conversation=bert, zaak="ZAAK-BERT")
    hall.orders("merge", other=bert)
    closed = data(hall.told[-1])
    assert (hall.told[-1].type, closed["conversationId"]) == (CLOSED_EVENT, bert)
    assert closed["zaak"] == "ZAAK-BERT"


LABELS = ("due", "language", "priority", "tags", "windowUntil")
"""Fields of a citizen's message that the next department needs too."""


def test_merge_names_no_subject_of_the_department_that_has_both() -> None:
    hall = at_work("mijn paspoort")
    anna = hall.id
    other = hall.hears("Mijn container is vol. En waar haal ik mijn paspoort?", who=BERT)
    assert hall.router.conversations[other.conversation].state.also_about == ("burgerzaken",)
    hall.id = anna
    assert hall.orders("merge", other=other.conversation).kind == "accepted"
    assert hall.state.also_about == ()


def test_transfer_by_a_person_tells_the_next_department_what_is_known() -> None:
    hall = at_work("ik maak bezwaar tegen mijn paspoort")
    received = data(hall.told[-1])
    hall.orders("transfer", to_department="groen", employee="m.devries")
    transferred = data(hall.told[-1])
    assert hall.told[-1].type == TRANSFERRED
    assert {name: transferred[name] for name in LABELS} == {name: received[name] for name in LABELS}
    assert transferred["windowUntil"] and transferred["due"] and "officieel" in transferred["tags"]
    assert transferred["assignee"] == "m.devries"


def test_transfer_by_a_rule_tells_the_next_department_what_is_known() -> None:
    hall = at_work("hoi")
    hall.hears("ik maak bezwaar tegen mijn paspoort")
    transferred, received = (data(event) for event in hall.told[-2:])
    assert [event.type for event in hall.told[-2:]] == [TRANSFERRED, RECEIVED]
    assert {name: transferred[name] for name in LABELS} == {name: received[name] for name in LABELS}


def test_transfer_names_a_danger_until_a_person_confirmed_it() -> None:
    hall = at_work("ik sla jullie")
    hall.orders("transfer", to_department="groen")
    assert data(hall.told[-1])["care"]
    hall.orders("confirm")
    hall.orders("transfer", to_department="burgerzaken")
    assert "care" not in data(hall.told[-1])


def test_events_of_timers_and_closings_say_until_when_an_answer_may_go() -> None:
    hall = at_work()
    until = data(hall.told[-1])["windowUntil"]
    hall.after(hours=1)
    assert hall.told[-1].type == WAITING and data(hall.told[-1])["windowUntil"] == until
    hall.orders("close")
    assert hall.told[-1].type == CLOSED_EVENT and data(hall.told[-1])["windowUntil"] == until


def test_record_of_a_refused_merge_names_the_other_conversation() -> None:
    hall, bert = with_bert("ik meld fraude")
    hall.orders("merge", other=bert)
    [refused] = [data(each) for each in records_of(hall.done) if data(each).get("order") == "merge"]
    assert (refused["event"], refused["other"]) == ("refused", bert)


def test_employees_who_take_over_within_a_department_are_never_sent_back() -> None:
    hall = at_work(given=config(tenant={"wait_minutes": 0}))
    for n in range(MOVES + 4):
        hall.after(minutes=1)
        moved = hall.orders("transfer", to_department="klantcontact", employee=f"m{n % 2}")
        assert (moved.kind, moved.department) == ("accepted", "klantcontact")
        assert moved.labels.assignee == f"m{n % 2}"
    assert hall.orders("transfer", to_department="groen").department == "groen"


def test_employee_takes_over_after_the_last_transfer_that_is_allowed() -> None:
    hall = at_work(given=config(tenant={"wait_minutes": 0}))
    for n in range(MOVES):
        hall.after(minutes=1)
        hall.orders("transfer", to_department=("burgerzaken", "groen")[n % 2])
    taken = hall.orders("transfer", to_department="groen", employee="sanne")
    assert (taken.department, taken.labels.assignee) == ("groen", "sanne")
