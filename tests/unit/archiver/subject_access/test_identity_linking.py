"""Who is the same person: what Meta calls somebody is theirs, a telephone number is whose it was
last."""

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


CASES: dict[str, tuple[list[IdentitySighting], list[Identity], set[str]]] = {
    "one who changed nothing": ([at("c1", 1, P, A), at("c2", 2, P, A)], [P], {"c1", "c2"}),
    "another's": ([at("c1", 1, P, A), at("c2", 2, Q, B)], [P], {"c1"}),
    "a number without a name of one's own": ([at("c1", 1, P), at("c2", 2, P)], [P], {"c1", "c2"}),
    "a number that got a name": ([at("c1", 1, P), at("c2", 2, P, A)], [P], {"c1", "c2"}),
    "two numbers of one name": ([at("c1", 1, P, A), at("c2", 2, Q, A)], [P], {"c1", "c2"}),
    "a name without a number": ([at("c1", 1, P, A), at("c2", 2, A)], [P], {"c1", "c2"}),
    "a number of before": ([at("c1", 1, P, A), at("c2", 2, P, B)], [P], {"c2"}),
    "the one of before by name": ([at("c1", 1, P, A), at("c2", 2, P, B)], [A], {"c1"}),
    "both, by name and number": ([at("c1", 1, P, A), at("c2", 2, P, B)], [A, P], {"c1"}),
    "what nobody named goes with the last": (
        [at("c1", 1, P, A), at("c2", 2, P), at("c3", 3, P, B), at("c4", 4, P)],
        [P],
        {"c3", "c4"},
    ),
    "the last by name": (
        [at("c1", 1, P, A), at("c2", 2, P), at("c3", 3, P, B), at("c4", 4, P)],
        [A],
        {"c1", "c2"},
    ),
    "a name that followed another": (
        [at("c1", 1, P, A), at("c1", 2, gained=[B]), at("c2", 3, P, B)],
        [P],
        {"c1", "c2"},
    ),
    "a name in another portfolio, known by the number": (
        [at("c1", 1, P, A), at("c2", 2, gained=[B]), at("c2", 2, P, B)],
        [P],
        {"c1", "c2"},
    ),
    "a name that followed another in a conversation of its own": (
        [at("c0", 0, P, Identity("bsuid", "NL.3")), at("c2", 2, A, P), at("c2", 2, gained=[B])],
        [P],
        {"c2"},
    ),
    "a number that ended": (
        [at("c1", 1, P), at("c1", 2, gained=[Q]), at("c1", 2, ended=[P]), at("c2", 3, P)],
        [P],
        {"c2"},
    ),
    "who left a number": (
        [at("c1", 1, P), at("c1", 2, gained=[Q]), at("c1", 2, ended=[P]), at("c2", 3, P)],
        [Q],
        {"c1"},
    ),
    "a number that moved": (
        [at("c1", 1, P), at("c2", 2, Q), at("c2", 3, moved=[P]), at("c2", 3, Q)],
        [P],
        {"c2"},
    ),
    "two that were merged": (
        [at("c1", 1, P), at("c2", 2, Q), at("c2", 3, merged="c1")],
        [Q],
        {"c1", "c2"},
    ),
    "hearsay of a name that is known": (
        [at("c1", 1, A), at("c2", 2, A, is_indirect=True), at("c2", 2, gained=[B])],
        [B],
        {"c1", "c2"},
    ),
    "hearsay of a name that nobody had": (
        [at("c1", 1, P, A), at("c1", 2, P, B, is_indirect=True), at("c2", 3, Q, B)],
        [B],
        {"c2"},
    ),
    "hearsay of a number that ended": (
        [
            at("c1", 1, P),
            at("c2", 2, P, is_indirect=True),
            at("c2", 2, gained=[Q]),
            at("c2", 2, ended=[P]),
            at("c3", 3, P),
        ],
        [Q],
        {"c1", "c2"},
    ),
    "a name that is not there": ([at("c1", 1, P, A)], [Identity("bsuid", "NL.9"), P], set()),
    "a name that is not there, and a number without one": (
        [at("c1", 1, P)],
        [Identity("bsuid", "NL.9"), P],
        {"c1"},
    ),
    "nobody": ([], [P], set()),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("turned", [False, True])
def test_a_person_is_found_whole_and_alone(name: str, turned: bool) -> None:
    those, asked, expected = CASES[name]
    people = IdentityGraph(those[::-1] if turned else those)
    assert {place for each in people.matching(asked) for place in each.places} == expected


def test_everybody_is_in_one_place_only() -> None:
    those = [each for seen, _, _ in CASES.values() for each in seen]
    places = [place for each in IdentityGraph(those).persons() for place in each.places]
    assert sorted(places) == sorted({each.place for each in those})


def _row(kind: str, data: Any, conversation: str = "c") -> dict[str, Any]:
    body = msgspec.json.encode(data)
    return {
        "id": UUID(int=7),
        "kind": kind,
        "at": NOON,
        "conversation": conversation,
        "data": body,
    }


def test_what_the_record_says_of_who_somebody_is_is_read() -> None:
    person = {"identities": [{"kind": "phone", "value": "+31600000011"}], "name": "Anna"}
    [one] = identity_evidence(_row("message", {"from": person, "direction": "in"}))
    assert (one.place, one.names) == ("c", {P})
    [alone] = identity_evidence(_row("consent", {"to": "+31600000011", "event": "given"}, ""))
    assert (alone.place, alone.names) == (str(UUID(int=7)), {P})
    moved = {"event": "transferred", "from": "balie", "to": "jeugd", "department": "jeugd"}
    assert list(identity_evidence(_row("conversation", moved))) == []
    [merged] = identity_evidence(_row("conversation", {"event": "merged", "other": "d"}))
    assert merged.merged == "d"
    assert list(identity_evidence(_row("conversation", {"event": "refused", "other": "d"}))) == []
    assert list(identity_evidence(_row("message", ["no object"]))) == []


@pytest.mark.parametrize(("cause", "moved"), [("system", {P}), ("merge", frozenset())])
def test_a_number_that_moves_in_a_merge_was_the_same_persons(cause: str, moved: Any) -> None:
    changes = [
        {"event": "moved", "kind": "phone", "value": "31600000011"},
        {"event": "gained", "kind": "bsuid", "value": "NL.2"},
        {"event": "ended", "kind": "phone", "value": "31600000012"},
    ]
    one, end = identity_evidence(_row("identity", {"changes": changes, "cause": cause}))
    assert (one.moved, one.gained, one.names) == (moved, {B}, {P} - moved)
    assert end.ended == {Q}
