"""Steps of a trace: in the order of time, each once, and without a word of anybody."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from cli.trace.command import format_trace, make_trace
from cli.trace.evidence import Entry, Evidence
from cli.trace.steps import make_steps

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECRETS = ("wamid.X", "31611111111", "mijn paspoort", "Sanne", "m.devries", "NL.anna", "gezien bij")
IDENTITY = {"identities": [{"kind": "phone", "value": "31611111111"}], "name": "Sanne"}


def entry(n: int, kind: str, **fields: Any) -> Entry:
    at = NOON + timedelta(seconds=n)
    return Entry(
        id=UUID(int=n), kind=kind, at=at, written_at=at + timedelta(milliseconds=12),
        tenant="almelo", conversation="1-a", department="kcc", message=UUID(int=1),
        receipt=None, sequence=n, fields=fields,
    )  # fmt: skip


MESSAGE = entry(
    1, "message", direction="in", type="text", text="mijn paspoort", wamid="wamid.X",
    receivedAt="2026-11-25T12:00:01Z", door="/webhooks/whatsapp", proof="meta-sha256",
    decision={"rule": "paspoort", "reason": "mijn paspoort", "version": "3f9c"},
    **{"from": IDENTITY},
)  # fmt: skip
EVENT = UUID(int=90)
ALL = Evidence(
    entries=(
        MESSAGE,
        entry(2, "attempt", destination="crm", event=str(EVENT), attempt=1, status=503,
              outcome="paused", reason="the destination answered 503", whose="destination"),
        entry(70, "delivery", destination="crm", event=str(EVENT), state="settled", attempts=2,
              status=200, reason=""),
        entry(71, "conversation", event="transferred", department="groen", reason="mijn paspoort",
              by={"author": {"kind": "employee", "id": "m.devries"}}, **{"from": "kcc"}),
        entry(72, "status", status="delivered", wamid="wamid.X", at="2026-11-25T12:00:09Z", code=0,
              reason="to 31611111111", pricing={"category": "service", "billable": False}),
        entry(73, "send", state="settled", reason="gezien bij Sanne", code=0, at=None,
              by={"author": {"id": "m.devries"}}),
        entry(78, "status", status="GEHEIM mijn paspoort", code=0),
        entry(74, "note", text="mijn paspoort", author={"id": "m.devries"}),
        entry(75, "identity", changes=[{"kind": "bsuid", "value": "NL.anna"}]),
        entry(76, "media", state="available", reason="", mimeType="image/jpeg"),
        entry(77, "annotation", text="mijn paspoort", by="Sanne"),
    ),
    decided=(
        {
            "record": UUID(int=1), "records": [UUID(int=1)], "events": [EVENT],
            "destinations": ["crm"], "decided_at": NOON + timedelta(seconds=1.005), "send": None,
            "message": UUID(int=1), "is_published": True, "is_quarantined": False, "partition": 0,
        },
    ),
    deliveries=(
        {
            "destination": "crm", "event": EVENT, "state": "settled", "attempts": 2, "status": 200,
            "reason": "", "at": NOON + timedelta(seconds=70), "due_at": None,
        },
    ),
)  # fmt: skip


def test_steps_have_no_word_of_a_person() -> None:
    trace = make_trace(ALL)
    shown = msgspec.json.encode(trace).decode() + "\n".join(format_trace(trace))
    assert [secret for secret in SECRETS if secret in shown] == []


def test_steps_come_in_the_order_of_time_each_once_and_say_what_they_are_about() -> None:
    steps = make_steps(ALL)
    assert [step.step for step in steps][:6] == [
        "received from the citizen",
        "decided",
        "in the record",
        "attempt failed",
        "delivered",
        "conversation transferred",
    ]
    assert [round(step.seconds, 3) for step in steps][:5] == [0, 0.005, 0.007, 0.988, 68]
    decided, delivered = steps[1], steps[4]
    assert decided.detail == {"department": "kcc", "rule": "paspoort", "version": "3f9c"}
    assert delivered.detail["about"] == "message in"
    assert delivered.detail["http"] == 200


def test_refused_command_says_why_in_the_words_of_postkamer() -> None:
    by = {"token": "crm", "author": {"id": "m.devries"}}
    refused = entry(
        1, "conversation", event="refused", order="transfer", by=by, status="failed",
        reason="mijn paspoort", decision={"rule": "", "reason": "too_often: te vaak doorgezet"},
    )  # fmt: skip
    [step] = make_steps(Evidence(entries=(refused,)))
    assert step.step == "conversation refused"
    assert step.detail == {
        "department": "kcc",
        "command": "transfer",
        "token": "crm",
        "reason": "too_often: te vaak doorgezet",
    }


def test_message_that_never_was_at_meta_is_not_shown_as_taken_there() -> None:
    sent = entry(1, "send", state="sent", wamid="wamid.test.1", code=0, reason="")
    read = entry(2, "send", state="sent", wamid="", reported="read", code=0, reason="")
    claim = {"id": UUID(int=1), "claimed_at": NOON, "attempt": 1, "is_kept_from_meta": True}
    steps = make_steps(Evidence(entries=(sent, read), sends=(claim,)))
    words = ["kept from Meta", "test token: not sent", "test token: read"]
    assert [step.step for step in steps] == words


def test_destroyed_contents_leave_the_steps() -> None:
    gone = msgspec.structs.replace(MESSAGE, fields=None)
    [step] = make_steps(Evidence(entries=(gone,)))
    assert step.step == "message (its contents were destroyed)"


def test_picture_has_a_line_for_each_step_and_says_whose_turn_it_is() -> None:
    evidence = msgspec.structs.replace(ALL, deliveries=(), entries=ALL.entries[:2])
    assert list(format_trace(make_trace(evidence))) == [
        "almelo  1-a",
        "2026-11-25 (UTC)",
        "  12:00:01.000      +0.000 s  received from the citizen  type=text"
        "  door=/webhooks/whatsapp  proof=meta-sha256",
        "  12:00:01.005      +0.005 s  decided  department=kcc  rule=paspoort  version=3f9c",
        "  12:00:01.012      +0.007 s  in the record",
        "  12:00:02.000      +0.988 s  attempt failed  http=503  destination=crm  attempt=1"
        "  outcome=paused  reason=the destination answered 503  whose=destination",
        "Now: crm is paused since 2026-11-25 12:00:02Z (503): it tries again. Turn: deliverer."
        " postkamer destination list",
    ]


def test_trace_of_nothing_has_no_steps() -> None:
    assert Evidence().is_empty
    assert make_steps(Evidence()) == []
