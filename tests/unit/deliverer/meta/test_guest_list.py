"""The gate before Meta: what a number on trial sends, and to whom."""

import ast
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from deliverer.meta.guest_list import REFUSED, TEST_WAMID, choose_way, settle_before_meta
from deliverer.meta.read_receipt_store import ReadReceipt
from deliverer.meta.read_receipts import ReadReceiptSender
from deliverer.meta.send_loop import SendLoop
from deliverer.transport.response import Response
from services import clock
from services.contract import MessageType
from services.trial import TrialState, is_on_trial
from tests.support.deliverer.sending import ACCOUNT, NUMBER, ledger_entry
from tests.support.installation import ROOT

STATES = get_args(TrialState)
TRIAL = msgspec.structs.replace(ACCOUNT, trial=True)
LATE = {"window_opened_at": clock.now() - timedelta(days=3), "last_inbound_at": clock.now()}
PATHS: dict[str, dict[str, Any]] = {
    "an employee's answer": {"author_is": "employee"},
    "an automatic text": {"automatic": True},
    "a business-initiated message": {"purpose": "herinneringen"},
    "a reopen request": {"is_reopen_request": True, "still_needed": True},
    "a late answer": LATE,
    "a second attempt": {"attempt": 2, "tried": 60.0},
    "a quotation": {"about": clock.new_id(), "about_wamid": "wamid.a"},
    "a message with a file": {"media": clock.new_id(), "media_id": "1"},
}
"""Origin of a message -> its fields in the ledger."""


@pytest.mark.parametrize(("state", "is_configured"), [*product(STATES, (False, True))])
def test_record_of_a_trial_goes_before_the_configuration(
    state: TrialState, is_configured: bool
) -> None:
    expected = {"trial": True, "live": False, "": is_configured}[state]
    assert is_on_trial(state, is_configured=is_configured) is expected


@pytest.mark.parametrize(
    ("state", "is_configured", "is_guest", "is_test"),
    [*product(STATES, *[(False, True)] * 3)],
)
def test_only_a_guest_or_a_live_number_reaches_meta_and_a_test_token_never(
    state: TrialState, is_configured: bool, is_guest: bool, is_test: bool
) -> None:
    way = choose_way(is_configured=is_configured, state=state, is_guest=is_guest, is_test=is_test)
    is_trial = state == "trial" or (is_configured and not state)
    assert (way == "pretend") is is_test
    assert (way == "refuse") is (is_trial and not is_guest and not is_test)


class Nobody:
    """Stands for Meta, and for the ledger; remembers what reaches each."""

    def __init__(self) -> None:
        self.posted: list[bytes] = []
        self.verdicts: list[Any] = []
        self.deleted: list[ReadReceipt] = []

    async def post(self, url: str, body: bytes, headers: Any) -> Response:
        self.posted.append(body)
        return Response(status=200, body=b'{"messages":[{"id":"wamid.1"}]}')

    async def settle(self, entry: Any, verdict: Any, at: Any) -> None:
        self.verdicts.append(verdict)

    async def delete(self, receipt: ReadReceipt) -> None:
        self.deleted.append(receipt)


async def attempt(account: Any, **fields: Any) -> Nobody:
    """Make one attempt of the send loop at a message."""
    fields.pop("author_is", None)
    nobody: Any = Nobody()
    loop = SendLoop(nobody, nobody, {NUMBER: account}, lambda attempt: None)
    await loop._send_entry(ledger_entry(**fields))
    return nobody


def account_of(*, trial: bool, asks: bool) -> Any:
    return msgspec.structs.replace(ACCOUNT, trial=trial, asks_to_reopen=asks)


@pytest.mark.parametrize("path", PATHS)
async def test_message_of_any_kind_and_origin_to_a_stranger_fails_before_meta(path: str) -> None:
    accounts = account_of(trial=True, asks=False), account_of(trial=True, asks=True)
    for type, kind in product(get_args(MessageType), ("phone", "bsuid")):
        fields = PATHS[path] | {"content": {"type": type, type: {}}, "address_kind": kind}
        for account in accounts:
            met = await attempt(account, **fields)
            assert (met.posted, met.verdicts) == ([], [REFUSED])
        met = await attempt(ACCOUNT, **fields, trial="trial")
        assert (met.posted, met.verdicts) == ([], [REFUSED])


@pytest.mark.parametrize("path", [each for each in PATHS if each != "a late answer"])
async def test_guest_gets_the_same(path: str) -> None:
    for type in get_args(MessageType):
        fields = PATHS[path] | {"content": {"type": type, type: {}}}
        met = await attempt(TRIAL, **fields, trial="trial", is_guest=True)
        assert len(met.posted) == 1


@pytest.mark.parametrize("path", PATHS)
async def test_message_of_a_test_token_never_reaches_meta(path: str) -> None:
    accounts = ACCOUNT, TRIAL, account_of(trial=False, asks=True)
    for type, account in product(get_args(MessageType), accounts):
        fields = PATHS[path] | {"content": {"type": type, type: {}}, "is_test": True}
        met = await attempt(account, **fields, is_guest=True)
        assert met.posted == []
        [verdict] = met.verdicts
        is_late = path == "a late answer" and type != "template"
        assert verdict.reason.startswith("window_closed") if is_late else verdict.wamid


@pytest.mark.parametrize("typing", [False, True])
@pytest.mark.parametrize("is_guest", [False, True])
async def test_read_receipt_and_typing_mark_go_to_guests_only(is_guest: bool, typing: bool) -> None:
    receipt = ReadReceipt(
        number=NUMBER, person=clock.new_id(), id=clock.new_id(), wamid="wamid.a", attempt=1,
        typing=typing, trial="trial", is_guest=is_guest,
    )  # fmt: skip
    nobody: Any = Nobody()
    await ReadReceiptSender(nobody, nobody, {NUMBER: ACCOUNT})._send(receipt)
    assert len(nobody.posted) == is_guest
    assert nobody.deleted == [receipt]


def test_wamid_of_a_test_is_of_its_attempt_and_no_wamid_of_meta() -> None:
    entry = ledger_entry(is_test=True)
    sent: Any = settle_before_meta(entry, is_configured=False)
    assert sent.wamid == f"{TEST_WAMID}{entry.opaque}"
    assert settle_before_meta(ledger_entry(), is_configured=False) is None


def test_nothing_else_knows_the_address_for_messages() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in Path(ROOT / "deliverer").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "messages_url"
    }
    assert users == {"deliverer/meta/send_loop.py", "deliverer/meta/read_receipts.py"}
