"""Citizens who write to a router over its real tables, and the record of it, sealed; and the
commands of whoever looks for one of them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result

from archiver.log.writer import Writer
from cli.main import main
from deliverer.crm.settlements import Settlement, settlement_record
from router.conversation.placement import REOPEN_PERIOD
from router.model.decision import DecidedUnit
from router.output.archive_records import receipt_record, records
from services import clock
from services.contract import Entry, Receipt, Record
from services.postgres.database import Pool
from services.whatsapp.parser import parse
from tests.support.citizens import WABA
from tests.support.decrypted_record import KEY
from tests.support.installation import EXAMPLE
from tests.support.router.batch_office import NUMBER, Office

TENANT = "almelo"
AFTER_SECONDS = int(REOPEN_PERIOD.total_seconds()) + 1
"""After a closing: what is said then begins another conversation."""


class Citizen(msgspec.Struct, frozen=True):
    """By what Meta knows them; '' where it does not say."""

    phone: str = ""
    bsuid: str = ""


class Desk:
    """A municipality at which citizens write."""

    def __init__(self, office: Office, writer: Writer, pool: Pool) -> None:
        self.office, self.writer, self.pool = office, writer, pool
        self.count = 0

    async def takes(self, *entries: Entry) -> list[DecidedUnit]:
        """Decided, and on the record."""
        said = await self.office.takes(*entries)
        kept = [record for unit, decision, *_ in said for record in records(unit, decision)]
        receipts = [entry for entry in entries if isinstance(entry, Receipt)]
        kept += [receipt_record(each, list(parse(each.body))) for each in receipts]
        await self.writer.add(kept)
        return said

    async def heard(self, *said: tuple[Citizen, str], close: bool = False) -> list[str]:
        """All in one body; the conversations that they came in. `close`: over at once."""
        self.count += 1
        messages = [self._text(citizen, text, n) for n, (citizen, text) in enumerate(said)]
        decided = await self.takes(self.office.came(body(messages)))
        conversations = [decision.conversation for _, decision, *_ in decided]
        for conversation in dict.fromkeys(conversations) if close else ():
            await self.takes(self.office.order("close", conversation=conversation))
            self.office.count += AFTER_SECONDS
        return conversations

    async def changed(self, before: Citizen, kind: str, **after: str) -> str:
        """Meta says what somebody is called from now on."""
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
            destination=destination,
            event=clock.new_id(),
            conversation=conversation,
            state=state,
            attempts=1,
            status=200,
            at=self.office.later,
            tenant=TENANT,
        )
        await self.writer.add([settlement_record(settled)])

    async def kept(self, kind: str, conversation: str, data: Any, **more: Any) -> Record:
        one = Record(
            id=clock.new_id(),
            kind=kind,
            at=self.office.later,
            data=msgspec.json.encode(data),
            tenant=more.pop("tenant", TENANT),
            conversation=conversation,
            **more,
        )
        await self.writer.add([one])
        return one


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


async def typed(url: str, *arguments: str, stdin: str = "", config: Path = EXAMPLE) -> Result:
    """`postkamer archive ...`, as its own process would run it."""
    env = {
        "POSTKAMER_CONFIG": str(config),
        "POSTKAMER_DATABASE_URL": url,
        "POSTKAMER_ARCHIVE_KEY": KEY,
        "POSTKAMER_OPERATOR": "sanne",
    }
    run = CliRunner().invoke
    return await asyncio.to_thread(run, main, ["archive", *arguments], input=stdin, env=env)


def day(at: datetime, days: int = 0) -> str:
    return f"{at + timedelta(days=days):%Y-%m-%d}"
