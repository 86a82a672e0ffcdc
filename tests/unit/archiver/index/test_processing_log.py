"""The row of an action: its trace is the caller's where the caller gave one that is valid."""

from uuid import UUID

import pytest

from archiver.index.processing_log import build_action
from archiver.index.record_fields import AccessFields, RecordFields
from services.contract import Record
from tests.support.router.names import at

RECORD = UUID(int=7)
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("trace", "parent", "found"),
    [
        (TRACE, SPAN, (bytes.fromhex(TRACE), bytes.fromhex(SPAN))),
        ("", "", (RECORD.bytes, None)),
        (TRACE[2:], SPAN[2:], (RECORD.bytes, None)),
        (TRACE + "00", SPAN + "00", (RECORD.bytes, None)),
        ("z" * 32, "z" * 16, (RECORD.bytes, None)),
    ],
)
def test_action_has_the_trace_of_its_caller_if_it_is_valid(
    trace: str, parent: str, found: tuple[bytes, bytes | None]
) -> None:
    record = Record(id=RECORD, kind="view", at=at(0), tenant="almelo", conversation="c", data=b"{}")
    fields = RecordFields(access=AccessFields(trace=trace, parent_span=parent, token="crm"))
    action = build_action(record, fields, "urn:x", b"pseudonym")
    assert (action.trace, action.parent) == found
