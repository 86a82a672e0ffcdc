"""The one whose turn it is now, and the command that helps. Pure, tables."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from cli.trace.evidence import Evidence, Row


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not finished: who is to act, in one sentence, and a command for it."""

    who: str
    """router, deliverer, archiver, Meta, citizen, operator or sender."""
    state: str
    command: str = ""


class _Case(msgspec.Struct, frozen=True):
    who: str
    state: str
    command: str = ""


DELIVERIES = {
    "queued": _Case("deliverer", "it is in the queue of {destination}, behind earlier ones",
                    "postkamer destination list"),
    "failing": _Case("deliverer", "{destination} is paused since {since} ({cause}): it tries again",
                     "postkamer destination list"),
    "paused": _Case("operator", "a person paused {destination} at {since}",
                    "postkamer destination resume {destination}"),
    "parked": _Case("operator", "{destination} refused it ({status}): mend the CRM, then replay it",
                    "postkamer parked replay {event}"),
    "replay": _Case("deliverer", "it is tried again at {destination}, from {due}"),
    "aside": _Case("deliverer", "it failed at {destination} while others passed; tried again from"
                   " {due}", "postkamer parked show {event}"),
    "held": _Case("operator", "the conversation is withheld until a person of the contact centre"
                  " releases it"),
    "waiting": _Case("router", "the queue of {destination} is full or gone: it follows when it can",
                     "postkamer status"),
    "unpublished": _Case("router", "it is decided, and not published to {destination} yet",
                         "postkamer status"),
}  # fmt: skip
"""State of an event that was not delivered -> whose turn it is."""
SENDS = {
    "queued": _Case("deliverer", "it waits to be sent, from {due}{why}"),
    "stopped": _Case("operator", "Meta lets the number send nothing (code {code}){why}",
                     "postkamer check --live"),
    "behind": _Case("deliverer", "it waits behind an earlier message to the same citizen"),
    "night": _Case("deliverer", "it waits for the morning, until {due}"),
    "file": _Case("deliverer", "it waits until its file is at Meta"),
    "sending": _Case("deliverer", "it is being sent since {since}"),
    "held": _Case("citizen", "more than 24 hours passed: it goes when the citizen writes again"),
    "unknown": _Case("Meta", "Meta gave no answer: a status may still say that it was sent"),
    "unconfirmed": _Case("operator", "it is not known if Meta sent it: look, and say what you saw",
                         "postkamer sends list"),
}  # fmt: skip
"""State of a message to a citizen that did not end -> whose turn it is."""
MISSING = {
    "item": "the decision on it",
    "record": "its record",
    "delivery": "its delivery to {destination}",
    "send": "the message to the citizen",
    "quarantine": "its row in quarantine",
    "receipt": "an item of its webhook",
}
"""Equation of the balance -> the thing of it that is missing."""
NIGHT = "night_rest:"
"""Beginning of the reason of a message that waits for the end of the quiet hours."""
FILES = {
    "waiting": _Case("archiver", "its file is to be fetched, from {due}", "postkamer files list"),
    "fetched": _Case("archiver", "its file is to be scanned, from {due}", "postkamer files list"),
    "quarantined": _Case("operator", "its file is quarantined: inspect it",
                         "postkamer files open {id} --out FILE --by NAME"),
}  # fmt: skip
"""State of a citizen's file -> whose turn it is."""


def find_turns(evidence: Evidence) -> list[Turn]:
    """Return what is not finished, each once. Empty: there is nothing left to do."""
    turns = [
        *_missing(evidence),
        *_undecided(evidence),
        *_unrecorded(evidence),
        *_undelivered(evidence),
        *_unsent(evidence),
        *_files(evidence),
    ]
    return list(dict.fromkeys(turns))


def _missing(evidence: Evidence) -> Iterator[Turn]:
    for row in evidence.missing:
        thing = MISSING[row["equation"]].format(destination=row["subject"])
        verb = "was deleted since" if row["is_gone"] else "cannot be found"
        state = f"{thing} {verb}: the balance misses it since {_clock(row['since'])}"
        yield Turn(who="operator", state=state, command="postkamer balance")
    known = {row["id"] for row in evidence.sends} | _missing_ids(evidence, "send")
    for row in evidence.decided:
        if row["send"] and row["send"] not in known:
            state = "the message was accepted, and is not among those to send"
            yield Turn(who="operator", state=state, command="postkamer balance")


def _missing_ids(evidence: Evidence, equation: str) -> set[object]:
    return {row["id"] for row in evidence.missing if row["equation"] == equation}


def _undecided(evidence: Evidence) -> Iterator[Turn]:
    decided = {row["send"] for row in evidence.decided} | {row["id"] for row in evidence.sends}
    for row in evidence.commands:
        if not evidence.decided and not evidence.entries and row["id"] not in decided:
            who = "router" if row["confirmed_at"] else "gateway"
            state = (
                "it is in the queue of its partition"
                if row["confirmed_at"]
                else ("the broker did not confirm it: its sender tries again")
            )
            yield Turn(who=who, state=state, command="postkamer status")
    for row in evidence.quarantined:
        if row["again_at"] and not row["published_at"]:
            yield Turn(who="router", state="a person had it decided again: it is on its way")
        elif not row["again_at"] and not row["dropped_at"]:
            can = row["refusal"] or "mend the cause, then have it decided again"
            command = (
                "postkamer quarantine show" if row["refusal"] else "postkamer quarantine again"
            )
            state = f"it is in quarantine ({row['reason']}): {can}"
            yield Turn(who="operator", state=state, command=f"{command} {row['id']}")


def _unrecorded(evidence: Evidence) -> Iterator[Turn]:
    archived = {entry.id for entry in evidence.entries} | _missing_ids(evidence, "record")
    for row in evidence.decided:
        if row["record"] and row["record"] in row["records"] and row["record"] not in archived:
            who = "archiver" if row["is_published"] else "router"
            state = (
                "it is not in the record yet"
                if row["is_published"]
                else ("it is decided, and not published yet")
            )
            yield Turn(who=who, state=state, command="postkamer status")


def _undelivered(evidence: Evidence) -> Iterator[Turn]:
    stored = {(row["destination"], row["event"]) for row in evidence.deliveries}
    stored |= {(row["subject"], row["id"]) for row in evidence.missing}
    for row in evidence.decided:
        for destination, event in zip(row["destinations"], row["events"], strict=True):
            if (destination, event) not in stored:
                state = _state_before_delivery(evidence, row, destination, event)
                yield _queued_turn(evidence, state, destination, str(event))
    for row in evidence.deliveries:
        if case := DELIVERIES.get(row["state"]):
            words = {name: row[name] for name in ("destination", "event", "status")}
            yield _turn(case, words | {"due": _clock(row["due_at"])})


def _state_before_delivery(evidence: Evidence, decided: Row, destination: str, event: UUID) -> str:
    """Return where an event is that no deliverer has settled."""
    if any(row["event"] == event for row in evidence.held):
        return "held"
    if any((row["destination"], row["event"]) == (destination, event) for row in evidence.waiting):
        return "waiting"
    if not decided["is_published"]:
        return "unpublished"
    return "paused" if destination in evidence.paused else "queued"


def _queued_turn(evidence: Evidence, state: str, destination: str, event: str) -> Turn:
    """Return whose turn it is for an event that has no row of a delivery. Its last failed attempt
    says that the destination is at fault."""
    words = {"destination": destination, "since": _clock(evidence.paused.get(destination))}
    failed = [
        entry
        for entry in evidence.entries
        if entry.kind == "attempt" and entry.fields and entry.fields.get("event") == event
        and entry.fields.get("outcome") == "paused"
    ]  # fmt: skip
    if state == "queued" and failed:
        fields = failed[-1].fields or {}
        state, cause = "failing", fields.get("status") or fields.get("reason")
        words |= {"since": _clock(failed[0].at), "cause": str(cause)}
    return _turn(DELIVERIES[state], words)


def _unsent(evidence: Evidence) -> Iterator[Turn]:
    for row in evidence.sends:
        if case := SENDS.get(_send_state(row)):
            words = {"due": _clock(row["due_at"]), "since": _clock(row["claimed_at"])}
            why = f": {row['reason']}" if row["reason"] else ""
            yield _turn(case, words | {"code": str(row["code"]), "why": why})


def _send_state(row: Row) -> str:
    """Return the state of a message to a citizen, with the reason why it waits."""
    if row["state"] != "queued":
        return str(row["state"])
    if row["stopped"]:
        return "stopped"
    if row["reason"].startswith(NIGHT):
        return "night"
    return "behind" if row["is_behind"] else "file" if row["has_media"] else "queued"


def _files(evidence: Evidence) -> Iterator[Turn]:
    for row in evidence.files:
        if case := FILES.get(row["state"]):
            yield _turn(case, {"id": str(row["id"]), "due": _clock(row["due_at"])})


def _turn(case: _Case, words: Mapping[str, object]) -> Turn:
    return Turn(
        who=case.who,
        state=case.state.format_map(words),
        command=case.command.format_map(words),
    )


def _clock(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z" if at else "-"
