"""A valuation that a person gives, for the record: its result, its source and why."""

from datetime import date, datetime
from typing import Literal

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.log.writer import writer_in_transaction
from archiver.retention.dossier import (
    KIND,
    Dossier,
    ValuationRecord,
    apply_change,
    begin_dossier,
    read_changes,
    value_dossier,
)
from archiver.retention.selection import TenantTerms
from archiver.retention.valuation import ZAAK
from services import clock
from services.contract import Identified, Record
from services.postgres.database import Connection


class GivenValuation(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    source: Literal["person", "zaak"]
    starts_on: date | None
    reason: str
    by: str
    identified: Identified


class ValuationRefused(Exception):
    """The valuation cannot be true. Nothing was changed. `member` is what is wrong."""

    def __init__(self, sentence: str, member: str) -> None:
        super().__init__(sentence)
        self.member = member


async def find_dossier(
    connection: Connection, keys: KeyStore, tenant: str, conversation: str
) -> Dossier | None:
    """Return the dossier of a conversation as the log has it now; None if there is no such
    conversation. It is not destroyed before the transaction ends: whoever destroys it waits for the
    head of the log."""
    await connection.execute(_LOCK_HEAD)
    rows = decrypt_rows(await connection.fetch(_CHANGES, conversation, tenant), keys)
    dossier = None
    for change in (each for row in rows for each in read_changes(row)):
        if change.place == (tenant, conversation):
            dossier = apply_change(dossier or begin_dossier(change), change)
    return dossier


async def record_valuation(
    connection: Connection, keys: KeyStore, dossier: Dossier, given: GivenValuation, now: datetime
) -> None:
    """Write a valuation to the record. The dossier follows it. Raises ValuationRefused."""
    if given.source == ZAAK and not dossier.has_zaak:
        raise ValuationRefused("must be person: the conversation has no zaak", "source")
    if given.source == ZAAK and given.starts_on is None:
        raise ValuationRefused("must be given: the term begins when the zaak ends", "startsOn")
    record = valuation_record(dossier, given, now)
    await writer_in_transaction(connection, keys).add([record])


def valuation_record(dossier: Dossier, given: GivenValuation, now: datetime) -> Record:
    """Return the record of a valuation. It is destroyed with its conversation."""
    fields = msgspec.structs.asdict(given)
    department = dossier.departments[-1] if dossier.departments else ""
    data = msgspec.json.encode(ValuationRecord(department=department, **fields))
    return Record(
        id=clock.new_id(now),
        kind=KIND,
        at=now,
        data=data,
        tenant=dossier.tenant,
        conversation=dossier.conversation,
    )


def after_valuation(dossier: Dossier, given: GivenValuation, terms: TenantTerms) -> Dossier:
    """Return the dossier as it will be."""
    valued = msgspec.structs.replace(
        dossier, code=given.code, source=given.source, starts_on=given.starts_on
    )
    return value_dossier(valued, terms)


_CHANGES = f"""{RECORDS}
where e.conversation = $1 and e.tenant = $2 and e.kind in ('conversation', 'valuation')
order by e.position
"""
_LOCK_HEAD = "select from archiver.head for update"
