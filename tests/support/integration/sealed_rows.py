"""Values of sealed columns, for tests that look at rows or refuse one."""

from services.sealing.columns import ADDRESS
from services.sealing.key_ring import RING

REFUSE_PERSON = "alter table router.identity add constraint refuse check (value <> '{}')"


def refusing(bsuid: str) -> str:
    """Statement after which the database refuses every row of a person."""
    return REFUSE_PERSON.format(RING.seal_name(bsuid, ADDRESS))
