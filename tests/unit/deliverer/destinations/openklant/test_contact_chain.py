"""Contacts about a destroyed one: which go, which are emptied, and which stay."""

from typing import Any

import pytest

from deliverer.destinations.openklant.erasure.contact_chain import (
    SeenContact,
    decide_chain,
    is_ours,
    zaak_references,
)


def question(uuid: str = "q") -> SeenContact:
    return SeenContact(uuid, is_known=True)


def answer(uuid: str, *previous: str, **fields: Any) -> SeenContact:
    return SeenContact(uuid, refers_to=frozenset(previous), **fields)


@pytest.mark.parametrize(
    ("seen", "deleted", "emptied", "kept"),
    [
        ([question()], ["q"], [], {}),
        ([question(), answer("a", "q"), answer("b", "a")], ["b", "a", "q"], [], {}),
        # Found before the one that it also refers to.
        ([question(), answer("b", "q", "a"), answer("a", "q")], ["b", "a", "q"], [], {}),
        # Our own answer has a row of its own; what ITA chained to it goes with either.
        ([question(), answer("o", "q", owner="same"), answer("a", "o")], ["a", "q"], [], {}),
        ([question(), answer("x", "q", "z")], [], ["q"], {"x": "answers_others"}),
        ([question(), answer("x", "q", has_task=True)], [], ["q"], {"x": "own_task"}),
        (
            [question(), answer("a", "q"), answer("x", "a", owner="other")],
            ["q"],
            ["a"],
            {"x": "other_conversation"},
        ),
        # What refers to one that stays may be about that.
        (
            [question(), answer("x", "q", has_task=True), answer("y", "x")],
            [],
            ["q"],
            {"x": "own_task", "y": "answers_others"},
        ),
        # A person registered it about this conversation: nothing else has to say so.
        ([question(), question("r"), answer("a", "r", "q")], ["a", "r", "q"], [], {}),
        # Two that refer to each other, by a hand.
        ([question(), answer("a", "b", "q"), answer("b", "a")], [], ["q"],
            {"a": "answers_others", "b": "answers_others"}),
    ],
)  # fmt: skip
def test_chain_goes_from_its_end_and_leaves_what_others_made(
    seen: list[SeenContact], deleted: list[str], emptied: list[str], kept: dict[str, str]
) -> None:
    fate = decide_chain(seen)
    assert (list(fate.deleted), list(fate.emptied), fate.kept) == (deleted, emptied, kept)


@pytest.mark.parametrize(
    ("party", "partij", "ours"),
    [
        ("p", None, True),
        (None, None, True),
        ("other", None, False),
        ("p", "person", False),
        (None, "person", False),
    ],
)
def test_address_is_ours_if_no_partij_and_no_other_party_has_it(
    party: str | None, partij: str | None, ours: bool
) -> None:
    row = {
        "uuid": "1",
        "verstrektDoorBetrokkene": party and {"uuid": party},
        "verstrektDoorPartij": partij and {"uuid": partij},
    }
    assert is_ours(row, {"p"}) is ours


def test_reference_to_a_zaak_is_one_that_a_zaakobject_may_point_to() -> None:
    kinds = ("zaak", "zgw-Zaak", "postkamer-contact", "")
    subjects = [
        {"uuid": kind, "onderwerpobjectidentificator": {"codeObjecttype": kind}} for kind in kinds
    ]
    subjects.append({"uuid": "none", "onderwerpobjectidentificator": None})
    assert zaak_references(subjects) == ["zaak"]
