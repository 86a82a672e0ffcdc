"""The journal of changes: a page that missed none fetches nothing again."""

from uuid import UUID

import pytest

from desk.inbox.store import Changed
from desk.web.journal import KEPT, Journal

OWN, OTHER = UUID(int=1), UUID(int=2)
NEWS = [Changed(f"c{n}", "urn:almelo", ("burgerzaken",)) for n in range(3)]


def test_page_is_told_what_changed_after_its_mark() -> None:
    journal = Journal(OWN)
    journal.note(NEWS[0])
    mark = journal.mark()
    assert list(journal.since(mark)) == []
    journal.note(NEWS[1])
    journal.note(None)
    journal.note(NEWS[2])
    assert list(journal.since(mark)) == [NEWS[1], None, NEWS[2]]


@pytest.mark.parametrize("mark", ["", "x", "-1", f"{OTHER.hex}-0", f"{OWN.hex}-9", f"{OWN.hex}-²"])
def test_page_with_an_unknown_mark_is_told_that_anything_may_have_changed(mark: str) -> None:
    assert list(Journal(OWN).since(mark)) == [None]


def test_page_whose_mark_is_too_old_is_told_that_anything_may_have_changed() -> None:
    journal = Journal(OWN)
    mark = journal.mark()
    for _ in range(KEPT):
        journal.note(NEWS[0])
    assert len(list(journal.since(mark))) == KEPT
    journal.note(NEWS[0])
    assert list(journal.since(mark)) == [None]
