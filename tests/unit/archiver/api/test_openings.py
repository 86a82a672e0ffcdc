"""One opening of a page: what was shown in it is remembered, within bounds."""

from uuid import UUID

import pytest

from archiver.api import openings
from archiver.api.openings import LIFETIME_SECONDS, OpeningKey, Openings, entries_of

KEY = OpeningKey("almelo", "crm", "m.devries", "", "0" * 32, "messages")
ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))


def test_opening_knows_what_was_shown_in_it_alone() -> None:
    known = Openings()
    known.note(KEY, [ONE], 0)
    known.note(KEY, [ONE, TWO], 1)
    assert known.shown(KEY, 2) == {ONE, TWO}
    others = {"tenant": "borne", "token": "t", "employee": "x", "reason": "y", "kind": "message"}
    for field, value in (others | {"opening": "1" * 32}).items():
        assert known.shown(KEY._replace(**{field: value}), 2) == frozenset()


def test_opening_ends_after_its_time_however_often_it_is_used() -> None:
    known = Openings()
    known.note(KEY, [ONE], 0)
    known.note(KEY, [TWO], LIFETIME_SECONDS - 1)
    assert known.shown(KEY, LIFETIME_SECONDS) == frozenset()
    known.note(KEY, [THREE], LIFETIME_SECONDS)
    assert known.shown(KEY, LIFETIME_SECONDS + 1) == {THREE}


def test_oldest_opening_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [KEY._replace(opening=str(n)) for n in range(3)]
    known = Openings()
    monkeypatch.setattr(openings, "MAX_OPENINGS", 2)
    for n, key in enumerate(keys):
        known.note(key, [ONE, TWO], n)
    assert [bool(known.shown(key, 3)) for key in keys] == [False, True, True]
    monkeypatch.setattr(openings, "MAX_ENTRIES", 3)
    known.note(keys[2], [THREE], 4)
    assert [bool(known.shown(key, 4)) for key in keys] == [False, False, True]
    known.note(keys[0], [ONE, TWO, THREE, UUID(int=4)], 5)  # more than may be remembered
    assert not any(known.shown(key, 5) for key in keys)


def test_entries_of_a_message_are_its_own_and_those_about_it() -> None:
    about = [{"id": TWO, "message": ONE}, {"id": THREE, "message": THREE}]
    assert entries_of({"id": ONE, "message": ONE}, about) == {ONE, TWO}
    assert entries_of({"id": ONE, "message": None}, [{"id": TWO, "message": None}]) == {ONE}
