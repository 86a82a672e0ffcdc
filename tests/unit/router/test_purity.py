"""Decisions in any course of events: pure, in order, with a department, and with few texts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.conversation.auto_reply import MAX_AUTO_TEXTS
from router.conversation.refusals import OFFICIAL
from router.handlers.dispatch import decide
from router.handlers.units import parse_units
from router.model.changes import DecidedUnit
from router.model.snapshot import Rows, Snapshot
from router.output.crm_events import WITHOUT_CONTENT
from services.contract import Entry
from tests.support.example_count import example_count
from tests.support.router.commands import MACHINE, SANNE
from tests.support.router.config_full import BORNE, CONFIG, DESK, NUMBER, TEXTS, config
from tests.support.router.decisions import addressed_events, decisions, records_of
from tests.support.router.harness import Router
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import outcome, status

OWED = {"noodgeval", "zelfdoding", "geweld", "gestopt"}
TYPED = ("2", "terug")
"""Words that may be an option of a menu."""
PEOPLE = [{"bsuid": "NL.anna", "phone": "31611111111"}, {"phone": "31655555555"}, {"bsuid": "NL.x"}]
SAYS: list[tuple[str, dict[str, Any]]] = [
    *((words, {}) for words in ("hoi", "bedankt", "STOP", "start", "ik wil dood", "2", "terug")),
    *((words, {}) for words in ("mijn container", "paspoort", "jeugdzorg 111222333", "bezwaar")),
    *((words, {}) for words in ("ik sla jullie", "over huren", "fraude", "garage", "iets anders")),
    *((words, {}) for words in ("", "\u0000\ufffd", "x" * 5000, "there is a problem", "?")),
    *(("", {"type": type}) for type in ("image", "audio", "sticker", "location", "nieuw")),
    *(("👍", {"type": type}) for type in ("reaction", "image")),
    ("", {"type": "unsupported", "content": {"type": "edit"}}),
    ("", {"type": "system", "content": {"body": "x", "type": "user_changed_number"}}),
    ("", {"type": "edit", "content": {"message": {"type": "text", "text": {"body": "container"}}}}),
]
ROWS = ["menu:keuze/afval", "menu:keuze/wonen", "menu:keuze/wonen/terug", "menu:x/y", "eigen"]
GAPS = [0, 1, 20, 59, 61, 600, 3700, 30_000, 90_000, 1_300_000]
ORDERS = [
    *("text", "text", "reaction", "template", "transfer", "transfer", "close", "close", "close"),
    *("reopen", "reopen", "note", "link", "read", "confirm", "release", "merge"),
]

message = st.fixed_dictionaries(
    {
        "says": st.sampled_from(SAYS),
        "who": st.sampled_from(PEOPLE),
        "number": st.sampled_from([NUMBER, NUMBER, NUMBER, DESK, BORNE]),
        "late": st.sampled_from([0, 0, 0, 45]),
    }
)
tap = st.fixed_dictionaries({"row": st.sampled_from(ROWS), "who": st.sampled_from(PEOPLE)})
order = st.fixed_dictionaries(
    {
        "order": st.sampled_from(ORDERS),
        "which": st.integers(0, 5),
        "to_department": st.sampled_from(["", "groen", "zorg", "burgerzaken", "niets"]),
        "author": st.sampled_from([SANNE, SANNE, MACHINE]),
        "employee": st.sampled_from(["", "", "piet"]),
        "outcome": st.sampled_from(["", "handled"]),
        "departments": st.sampled_from([[], [], ["groen"]]),
        "reply_to": st.sampled_from(["", "buiten"]),
    }
)
standing = st.fixed_dictionaries(
    {
        "says_of": st.sampled_from(["notice", "state"]),
        "text": st.sampled_from(["", "Het is druk."]),
        "state": st.sampled_from(["open", "receive-only", "closed"]),
        "hours": st.sampled_from([None, 1, 48]),
    }
)
other = st.sampled_from([{"again": n} for n in range(3)] + [{"status": "read"}, {"status": "sent"}])
step = st.tuples(
    st.sampled_from(GAPS), message | message | message | tap | order | standing | other
)


def rows(snapshot: Snapshot) -> dict[str, object]:
    """Rows of each table of a snapshot."""
    tables = {name: table for name, table in vars(snapshot).items() if isinstance(table, Rows)}
    return {name: dict(table.loaded()) for name, table in tables.items()}


class Watched(Router):
    """Each entry is decided beforehand, twice, from what is known as well as the router knows."""

    def takes(self, *entries: Entry) -> list[DecidedUnit]:
        for entry in entries:
            new = (unit for unit in parse_units(entry, self.ground) if unit.key not in self.inbox)
            for unit in list(new)[:1]:
                known, same = self._loaded([unit]), self._loaded([unit])
                before = repr(unit)
                first = decide(unit, known, self.ground)
                assert rows(known) == rows(same) and repr(unit) == before
                assert decide(unit, same, self.ground) == first
        return super().takes(*entries)


def play(steps: list[tuple[int, dict[str, Any]]]) -> Stadhuis:
    automatic = ["eerste_contact", *CONFIG.tenants[0].automatic]
    given = config(tenant={"automatic": automatic})
    hall = Stadhuis(given=given)
    hall.router = Watched(given, TEXTS)
    seen: list[Entry] = []
    for gap, what in steps:
        hall.after(seconds=gap)
        done = len(hall.done)
        act(hall, what, seen)
        seen += [unit.entry for unit, _, _ in hall.done[done:]]
    hall.after(days=40)
    # What came twice of the same entry was said twice, word for word.
    said: dict[bytes, DecidedUnit] = {}
    for each in hall.done:
        said.setdefault(each[0].key, each)
    hall.done = list(said.values())
    return hall


def act(hall: Stadhuis, what: dict[str, Any], seen: list[Entry]) -> None:
    for name, acts in ACTS.items():
        if name in what:
            acts(hall, what, seen)


def writes(hall: Stadhuis, what: dict[str, Any], seen: list[Entry]) -> None:
    words, more = what["says"]
    hall.hears(words, **more, **{k: what[k] for k in ("who", "number", "late")})


def orders(hall: Stadhuis, what: dict[str, Any], seen: list[Entry]) -> None:
    there = sorted(hall.router.conversations)
    for id in there[what["which"] % max(1, len(there)) :][:1]:
        more = {k: v for k, v in what.items() if k not in ("order", "which")}
        other = max(hall.router.conversations)
        to = {"conversation": id, "number": id.partition("-")[0], "other": other, "zaak": "Z"}
        if what["order"] == "template":
            to |= {"conversation": "", "to": "31677777777"}
        hall.orders(what["order"], **more, **to)


def speaks(hall: Stadhuis, what: dict[str, Any], seen: list[Entry]) -> None:
    until = hall.now + timedelta(hours=what["hours"]) if what["hours"] else None
    hall.says(what["says_of"], what["text"], state=what["state"], until=until)


def tells(hall: Stadhuis, what: dict[str, Any], seen: list[Entry]) -> None:
    """Tell the outcome of the last message that was sent."""
    for id in list(hall.router.outgoing)[-1:]:
        hall.takes(outcome(id, "sent", second=hall.second, wamid=f"w.{id}"))
        hall.brings("messages", {"statuses": [status(f"w.{id}", what["status"], f"{id}.1")]})


ACTS: dict[str, Callable[[Stadhuis, dict[str, Any], list[Entry]], object]] = {
    "says": writes,
    "row": lambda hall, what, seen: hall.taps(what["row"], who=what["who"]),
    "order": orders,
    "says_of": speaks,
    "again": lambda hall, what, seen: hall.takes(*seen[-1 - what["again"] :][:1]),
    "status": tells,
}


def texts(hall: Stadhuis, owed: bool) -> dict[str, list[datetime]]:
    """Times of the automatic texts, by conversation."""
    found: dict[str, list[datetime]] = {}
    for unit, decision, _ in hall.done:
        if decision.reply and (decision.reply.name in OWED) is owed:
            found.setdefault(decision.conversation, []).append(unit.at)
    return found


@pytest.mark.slow
@settings(max_examples=example_count(60))
@given(st.lists(step, max_size=30))
def test_decisions_keep_their_invariants_in_any_course_of_events(
    steps: list[tuple[int, dict[str, Any]]],
) -> None:
    hall = play(steps)
    every_message_has_a_department_that_is_told(hall)
    order_grows_in_each_conversation(hall)
    texts_are_few(hall)
    nothing_waits_for_ever(hall)


def every_message_has_a_department_that_is_told(hall: Stadhuis) -> None:
    destinations = {each.id for each in CONFIG.destinations}
    for decision in decisions(hall.done):
        if decision.kind == "message":
            assert CONFIG.department(decision.tenant, decision.department)
            assert decision.event and decision.conversation and decision.reason
        if decision.event or decision.transfer:
            assert decision.destination in destinations


def order_grows_in_each_conversation(hall: Stadhuis) -> None:
    heard: dict[tuple[str, str], list[int]] = {}
    for destination, event in addressed_events(hall.done):
        if event.type not in WITHOUT_CONTENT:  # these take no place in the conversation
            heard.setdefault((destination, event.conversation), []).append(event.sequence)
    for numbers in heard.values():
        assert all(one < next for one, next in pairwise(numbers))
    places = [(r.conversation, r.sequence) for r in records_of(hall.done) if r.kind == "message"]
    numbered = [place for place in places if place[1]]
    assert len(set(numbered)) == len(numbered)
    ids = [event.id for event in hall.told]
    assert len(set(ids)) == len(ids)


def texts_are_few(hall: Stadhuis) -> None:
    """Texts that a bound holds back go once in a burst and MOST times in a day. The others go MOST
    times in an hour."""
    for owed, within in ((False, timedelta(days=1)), (True, timedelta(hours=1))):
        for times in texts(hall, owed).values():
            sixth = zip(times, times[MAX_AUTO_TEXTS:], strict=False)
            assert all(end - start >= within for start, end in sixth)
    for id in hall.router.conversations:
        assert all(n <= 1 for n in bursts(hall, id))


def bursts(hall: Stadhuis, id: str) -> list[int]:
    """Texts that answered each burst; a minute of silence, an answer or a choice ends a burst."""
    found: list[int] = [0]
    last: datetime | None = None
    for (unit, *_), decision in zip(hall.done, decisions(hall.done), strict=True):
        if decision.conversation != id:
            continue
        if decision.kind == "message":
            content = unit.item.content  # type: ignore[union-attr]
            chose = content.choice or content.text in TYPED
            if last is None or chose or unit.at - last > timedelta(seconds=60):
                found.append(0)
            last = unit.at
            found[-1] += bool(decision.reply and decision.reply.name not in OWED)
        elif decision.kind == "accepted" and decision.message:
            last = None
        elif decision.reply and decision.effect == "decided" and decision.reply.name == "keuze":
            found[-1] += 1
    return found


def nothing_waits_for_ever(hall: Stadhuis) -> None:
    """Only a person's task keeps a conversation open: to answer, to release, or to say the
    outcome."""
    for conversation in hall.router.conversations.values():
        state = conversation.state
        theirs = state.waiting_since or state.held or OFFICIAL in state.tags
        assert conversation.closed_at or theirs
    assert all(timer.kind == "idle" for timer in hall.router.timers.values())


@pytest.mark.parametrize(
    ("seed", "bounded", "safety"),
    [("STOP", 3, 1), ("ik wil dood", 0, 4), ("garage", 2, 0), ("hoi", 3, 0)],
)
def test_automatic_texts_to_a_machine_that_answers_them_come_to_an_end(
    seed: str, bounded: int, safety: int
) -> None:
    hall = Stadhuis()
    hall.hears(seed)
    for _ in range(200):
        hall.after(seconds=61).hears(f"U schreef: {' '.join(hall.bodies[-1:])} {seed}")
    within = sum(map(len, texts(hall, owed=False).values()))
    owed = sum(map(len, texts(hall, owed=True).values()))
    assert (within, owed) == (bounded, safety)  # in three and a half hours
    assert within <= MAX_AUTO_TEXTS and owed <= 4 * MAX_AUTO_TEXTS
