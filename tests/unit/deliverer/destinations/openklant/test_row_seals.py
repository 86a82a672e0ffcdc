"""The hash of a row about an Open Klant is over each column that says whose an object is."""

from typing import Any
from uuid import UUID

import pytest

from deliverer.destinations.openklant.row_seals import BOUND, fits, fitting, row_seal
from services.sealing.key_ring import Unsealable

ID, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize("table", BOUND)
def test_row_fits_in_its_table_and_destination_with_all_its_columns_alone(table: str) -> None:
    row: dict[str, Any] = {name: ID for name in BOUND[table]} | {"ended": False}
    row["seal"] = row_seal(table, "crm", row)
    assert fits(table, "crm", row | {"ended": True})
    assert "seal" not in fitting(table, "crm", row)
    wrong = [(table, "other", row), *((table, "crm", row | {name: OTHER}) for name in BOUND[table])]
    wrong += [(table, "crm", row | {name: None}) for name in (*BOUND[table], "seal")]
    for case in wrong:
        assert not fits(*case)
        with pytest.raises(Unsealable):
            fitting(*case)
    same = {name: ID for names in BOUND.values() for name in names}
    assert len({row_seal(each, "crm", same) for each in BOUND}) == len(BOUND)
