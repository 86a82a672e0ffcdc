"""Annotation of a message: a correction beside it (AVG, article 16). The message stays as it is."""

from datetime import datetime
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import RECORDS
from archiver.encryption.key_store import KeyStore
from archiver.encryption.row_batches import decrypt_batches
from archiver.log.writer import writer_in_transaction
from archiver.subject_access.report_maker import ReportRefused, find_request
from services import clock
from services.contract import Identified, Record
from services.postgres.database import Connection

OF_ANOTHER = "{} is about another person than this message"


class AnnotatedMessage(msgspec.Struct, frozen=True):
    id: UUID
    tenant: str
    conversation: str
    department: str
    """Department of the message; it has its annotations too."""


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """Correction by a person. `request` is the request that asked for it, or ''; `reason` is why it
    is added, or '' where that is recorded beside it."""

    by: str
    identified: Identified
    text: str
    request: str = ""
    reason: str = ""


async def find_message(connection: Connection, id: UUID) -> AnnotatedMessage | None:
    """Return a message; None if there is none, or it was destroyed."""
    row = await connection.fetchrow(_MESSAGE, id)
    return AnnotatedMessage(id=id, **row) if row else None


async def annotate_message(
    connection: Connection,
    keys: KeyStore,
    message: AnnotatedMessage,
    annotation: Correction,
    now: datetime,
) -> UUID:
    """Add an annotation in a transaction, and return its id. The same one once more adds none.
    Raises ReportRefused for a request that is not about the person of the message."""
    await connection.execute(_LOCK, str(message.id))
    if annotation.request:
        request = await find_request(connection, annotation.request, message.tenant)
        if message.conversation not in request["conversations"]:
            refusal = OF_ANOTHER.format(annotation.request)
            raise ReportRefused(refusal, is_of_request=True)
    if same := await _find_same(connection, keys, message, annotation):
        return same
    fields = msgspec.structs.asdict(annotation) | {"department": message.department}
    if not annotation.reason:
        del fields["reason"]
    record = Record(
        id=clock.new_id(now),
        kind="annotation",
        at=now,
        data=msgspec.json.encode(fields),
        tenant=message.tenant,
        conversation=message.conversation,
        message=message.id,
    )
    await writer_in_transaction(connection, keys).add([record])
    return record.id


async def _find_same(
    connection: Connection, keys: KeyStore, message: AnnotatedMessage, annotation: Correction
) -> UUID | None:
    """Return the annotation of the same person with the same text for the same request."""
    new = annotation.by, annotation.text, annotation.request
    async for batch in decrypt_batches(connection, keys, _ANNOTATIONS, message.id):
        for row in batch.rows:
            fields = row["fields"]
            if (fields["by"], fields["text"], fields.get("request", "")) == new:
                id: UUID = row["id"]
                return id
    return None


_MESSAGE = """
select e.tenant, e.conversation, e.department from archiver.entry e
join archiver.conversation_key k using (tenant, conversation)
where e.message = $1 and e.kind = 'message' and e.salt is not null
"""
_ANNOTATIONS = f"{RECORDS} where e.message = $1 and e.kind = 'annotation' order by e.at, e.id"
_LOCK = "select pg_advisory_xact_lock(hashtextextended('annotate ' || $1::text, 0))"
"""Two who send the same at once add it once."""
