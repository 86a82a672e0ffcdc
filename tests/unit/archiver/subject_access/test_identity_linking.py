"""Linking of identities: an id of Meta belongs to one person, a number to its last holder."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from archiver.index.record_fields import Identity
from archiver.subject_access.identity_evidence import identity_evidence
from archiver.subject_access.identity_linking import IdentityGraph, IdentitySighting

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
P, Q = Identity("phone", "31600000011"), Identity("phone", "31600000012")
A, B = Identity("bsuid", "NL.1"), Identity("bsuid", "NL.2")


def at(place: str, day: int, *names: Identity, **more: Any) -> IdentitySighting:
    given = {
        name: frozenset(value) if isinstance(value, list) else value for name, value in more.items()
    }
    return IdentitySighting(
        place=place, at=NOON + timedelta(days=day), names=frozenset(names), **given
    )


LINKED = [at("c1", 1, P, A), at("c2", 2, P), at("c3", 3, P, B), at("c4", 4, P)]
ENDED = [at("c1", 1, P), at("c1", 2, gained=[Q]), at("c1", 2, ended=[P]), at("c2", 3, P)]
C, NONE = Identity("bsuid", "NL.3"), Identity("bsuid", "NL.9")
CASES: dict[str, tuple[list[IdentitySighting], list[Identity], str]] = {
    "unchanged": ([at("c1", 1, P, A), at("c2", 2, P, A)], [P], "c1 c2"),
    "another person": ([at("c1", 1, P, A), at("c2", 2, Q, B)], [P], "c1"),
    "number without id": ([at("c1", 1, P), at("c2", 2, P)], [P], "c1 c2"),
    "number that got an id": ([at("c1", 1, P), at("c2", 2, P, A)], [P], "c1 c2"),
    "two numbers of one id": ([at("c1", 1, P, A), at("c2", 2, Q, A)], [P], "c1 c2"),
    "id without number": ([at("c1", 1, P, A), at("c2", 2, A)], [P], "c1 c2"),
    "former number": ([at("c1", 1, P, A), at("c2", 2, P, B)], [P], "c2"),
    "former holder by id": ([at("c1", 1, P, A), at("c2", 2, P, B)], [A], "c1"),
    "by id and number": ([at("c1", 1, P, A), at("c2", 2, P, B)], [A, P], "c1"),
    "number alone goes with its last holder": (LINKED, [P], "c3 c4"),
    "last holder by id": (LINKED, [A], "c1 c2"),
    "id that followed another": (
        [at("c1", 1, P, A), at("c1", 2, gained=[B]), at("c2", 3, P, B)], [P], "c1 c2",
    ),
    "id of another portfolio, known by the number": (
        [at("c1", 1, P, A), at("c2", 2, gained=[B]), at("c2", 2, P, B)], [P], "c1 c2",
    ),
    "id that followed another in its own conversation": (
        [at("c0", 0, P, C), at("c2", 2, A, P), at("c2", 2, gained=[B])], [P], "c2",
    ),
    "ended number": (ENDED, [P], "c2"),
    "holder who left a number": (ENDED, [Q], "c1"),
    "moved number": (
        [at("c1", 1, P), at("c2", 2, Q), at("c2", 3, moved=[P]), at("c2", 3, Q)], [P], "c2",
    ),
    "merged": ([at("c1", 1, P), at("c2", 2, Q), at("c2", 3, merged="c1")], [Q], "c1 c2"),
    "indirect sighting of a known id": (
        [at("c1", 1, A), at("c2", 2, A, is_indirect=True), at("c2", 2, gained=[B])],
        [B], "c1 c2",
    ),
    "indirect sighting of an unknown id": (
        [at("c1", 1, P, A), at("c1", 2, P, B, is_indirect=True), at("c2", 3, Q, B)], [B], "c2",
    ),
    "indirect sighting of an ended number": (
        [
            at("c1", 1, P), at("c2", 2, P, is_indirect=True), at("c2", 2, gained=[Q]),
            at("c2", 2, ended=[P]), at("c3", 3, P),
        ],
        [Q], "c1 c2",
    ),
    "unknown id": ([at("c1", 1, P, A)], [NONE, P], ""),
    "unknown id and number without id": ([at("c1", 1, P)], [NONE, P], "c1"),
    "no sighting": ([], [P], ""),
}  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("sightings", "names", "places"), CASES.values(), ids=CASES)
def test_person_is_found_whole_and_alone(
    sightings: list[IdentitySighting], names: list[Identity], places: str, order: int
) -> None:
    people = IdentityGraph(sightings[::order]).matching(names)
    assert {place for person in people for place in person.places} == {*places.split()}


def test_every_place_belongs_to_one_person() -> None:
    sightings = [each for seen, *_ in CASES.values() for each in seen]
    places = [place for person in IdentityGraph(sightings).persons() for place in person.places]
    assert sorted(places) == sorted({each.place for each in sightings})


def _evidence(kind: str, data: Any, conversation: str = "c") -> list[IdentitySighting]:
    body = msgspec.json.encode(data)
    row = {"id": UUID(int=7), "kind": kind, "at": NOON, "conversation": conversation, "data": body}
    return list(identity_evidence(row))


MOVE = {"event": "transferred", "from": "balie", "to": "jeugd", "department": "jeugd"}
PERSON = {"identities": [{"kind": "phone", "value": "+31600000011"}], "name": "Anna"}


def test_identities_of_messages_consents_and_merges_are_evidence() -> None:
    [message] = _evidence("message", {"from": PERSON, "direction": "in"})
    [consent] = _evidence("consent", {"to": "+31600000011", "event": "given"}, "")
    [merge] = _evidence("conversation", {"event": "merged", "other": "d"})
    assert (message.place, message.names) == ("c", {P})
    assert (consent.place, consent.names) == (str(UUID(int=7)), {P})
    assert merge.merged == "d"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("conversation", MOVE),
        ("conversation", {"event": "refused", "other": "d"}),
        ("message", ["no object"]),
    ],
)
def test_other_records_are_no_evidence(kind: str, data: Any) -> None:
    assert _evidence(kind, data) == []


@pytest.mark.parametrize(("cause", "moved"), [("system", {P}), ("merge", frozenset())])
def test_number_moves_to_another_person_except_in_a_merge(cause: str, moved: Any) -> None:
    changes = [
        {"event": event, "kind": kind, "value": value}
        for event, kind, value in (
            ("moved", "phone", P.value), ("gained", "bsuid", B.value), ("ended", "phone", Q.value)
        )
    ]  # fmt: skip
    one, end = _evidence("identity", {"changes": changes, "cause": cause})
    assert (one.moved, one.gained, one.names) == (moved, {B}, {P} - moved)
    assert end.ended == {Q}
