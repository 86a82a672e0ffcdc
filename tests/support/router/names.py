"""Numbers, citizens, moments and ids that the tests of the router name."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from router.model.hashes import keyed_hash
from services.ids import uuid7

NUMBER, OTHER_NUMBER, BORNE = "10000001", "10000002", "20000001"
WABA = "102290129340398"
ANNA = {"bsuid": "NL.anna", "phone": "31611111111"}
BERT = {"bsuid": "NL.bert", "phone": "31622222222"}
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def id_of(*words: object) -> UUID:
    """The same id for the same words."""
    return uuid7(NOON, keyed_hash(b"ids")(*map(str, words)))


def stamp(second: float) -> str:
    """A moment as Meta writes it."""
    return str(int(at(second).timestamp()))
