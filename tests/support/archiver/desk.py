"""Citizens who write to a router over its real tables, and the sealed record of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from archiver.log.writer import Writer
from deliverer.crm.settlements import Settlement, settlement_record
from router.conversation.placement import REOPEN_PERIOD
from router.handlers.dispatch import records
from router.model.changes import Changes
from router.model.work import WorkUnit
from router.output.archive_records import receipt_record
from services import clock
from services.contract import Entry, Receipt
from services.postgres.database import Pool
from services.whatsapp.parser import parse
from tests.support.archiver.records import record
from tests.support.citizens import WABA
from tests.support.router.batch_office import NUMBER, Office
from tests.support.router.decisions import DecisionView

TENANT = "almelo"
AFTER_SECONDS = int(REOPEN_PERIOD.total_seconds()) + 1
"""Seconds after a closing when a message begins another conversation."""


class Citizen(msgspec.Struct, frozen=True):
    """The identities that Meta gives of a citizen."""

    phone: str = ""
    bsuid: str = ""


ANNA, BERT, CORA = (Citizen(f"3160000001{n}", f"NL.100{n}") for n in range(3))


class Desk:
    """A municipality at which citizens write."""

    def __init__(self, office: Office, writer: Writer, pool: Pool) -> None:
        self.office, self.writer, self.pool = office, writer, pool
        self.count = 0

    async def takes(self, *entries: Entry) -> list[tuple[WorkUnit, DecisionView, Changes]]:
        """Decide the entries and put them on the record."""
        decided = await self.office.takes(*entries)
        made = [one for unit, decision, *_ in decided for one in records(unit, decision.decision)]
        receipts = [entry for entry in entries if isinstance(entry, Receipt)]
        made += [receipt_record(each, list(parse(each.body))) for each in receipts]
        await self.writer.add(made)
        return decided

    async def heard(self, *said: tuple[Citizen, str], close: bool = False) -> list[str]:
        """Receive messages in one body and return their conversations; `close` ends these."""
        self.count += 1
        messages = [self._text(citizen, text, n) for n, (citizen, text) in enumerate(said)]
        decided = await self.takes(self.office.came(body(messages)))
        conversations = [decision.conversation for _, decision, *_ in decided]
        for conversation in dict.fromkeys(conversations) if close else ():
            await self.takes(self.office.order("close", conversation=conversation))
            self.office.count += AFTER_SECONDS
        return conversations

    async def changed(self, before: Citizen, kind: str, **after: str) -> str:
        """Meta reports another identity of a citizen."""
        self.count += 1
        message = self._message(before, "system", 0)
        message["system"] = {"body": "changed", "type": kind} | after
        [(_, decision, _)] = await self.takes(self.office.came(body([message])))
        return decision.conversation

    def _text(self, citizen: Citizen, text: str, n: int) -> dict[str, Any]:
        return self._message(citizen, "text", n) | {"text": {"body": text}}

    def _message(self, citizen: Citizen, type: str, n: int) -> dict[str, Any]:
        sent = self.office.start + timedelta(seconds=self.office.count + 1)
        names = {"from": citizen.phone, "from_user_id": citizen.bsuid}
        return {name: value for name, value in names.items() if value} | {
            "id": f"wamid.{self.count}.{n}",
            "timestamp": str(int(sent.timestamp())),
            "type": type,
        }

    async def delivered(self, conversation: str, destination: str, state: str = "settled") -> None:
        """An event about it went there."""
        settled = Settlement(
            destination=destination, event=clock.new_id(), conversation=conversation, state=state,
            attempts=1, status=200, at=self.office.later, tenant=TENANT,
        )  # fmt: skip
        await self.writer.add([settlement_record(settled)])

    async def add(self, kind: str, conversation: str, data: Any, **fields: Any) -> None:
        given = {"at": self.office.later, "conversation": conversation, "sequence": 0} | fields
        await self.writer.add([record(kind, data, **given)])


def body(messages: Sequence[dict[str, Any]]) -> bytes:
    contacts = [
        {"profile": {"name": f"naam van {name}"}, "user_id": name}
        for message in messages
        if message["type"] == "text" and (name := message.get("from_user_id"))
    ]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "31546541111", "phone_number_id": NUMBER},
        "contacts": contacts,
        "messages": list(messages),
    }
    entry = {"id": WABA, "changes": [{"field": "messages", "value": value}]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})
