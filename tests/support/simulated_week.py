"""A week of a town: what citizens and desks do, decided by the router, as the archive has it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from router.handlers.batch import decide_batch
from router.handlers.dispatch import records
from router.handlers.units import parse_items, parse_units
from router.model.changes import Timer
from router.model.decision import Decision
from router.model.hashes import Hashes, keyed_hash
from router.model.snapshot import Snapshot
from router.model.work import WorkUnit
from router.output.archive_records import duplicate_segment, receipt_record
from router.ruleset.context import build_context
from services.config.loader import LoadedConfig, version
from services.config.model import parse
from services.contract import Author, Entry, Receipt, Record
from services.ids import uuid7
from services.texts.folder import load_texts
from tests.support.citizens import phone, text, webhook
from tests.support.example_town import FOLDER, VALUES
from tests.support.router.commands import build_command
from tests.support.router.timer_delivery import timeout

MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
NUMBER = "106540352242922"
SANNE = Author(kind="employee", id="sanne")
BOT = Author(kind="automated", id="bot")

TOWN = """\
texts = "texts"
[[tenants]]
id = "stad"
name = "Stad"
menu = "onderwerp"
idle_days = 4
wait_minutes = 120
care = {destinations = ["crm"]}
[tenants.values]
NAMED
[[numbers]]
id = "106540352242922"
tenant = "stad"
fallback = "balie"
[[destinations]]
id = "crm"
kind = "cloudevents"
url = "https://crm.example/"
[[departments]]
id = "balie"
tenant = "stad"
name = "Balie"
destination = "crm"
[[departments]]
id = "afval"
tenant = "stad"
name = "Afval"
destination = "crm"
hours = "Mo-Fr 09:00-17:00"
when_closed = "piket"
[[departments]]
id = "piket"
tenant = "stad"
name = "Piket"
destination = "crm"
[[departments]]
id = "burgerzaken"
tenant = "stad"
name = "Burgerzaken"
destination = "crm"
hours = "Mo-Fr 09:00-17:00"
escalate_to = "balie"
[[contacts]]
tenant = "stad"
tag = "pers"
phones = ["+31610000001"]
[[menus]]
id = "onderwerp"
options = [
    {id = "vuil", title = "Afval", menu = "vuil"},
    {id = "pas", title = "Paspoort", department = "burgerzaken", tag = ["pas"]},
    {id = "mens", title = "Een medewerker", department = "balie"},
    {id = "open", title = "Openingstijden", reply = "officieel"},
]
[[menus]]
id = "vuil"
options = [
    {id = "grof", title = "Grofvuil", department = "afval"},
    {id = "ander", title = "Ander afval", department = "piket"},
]
[[care]]
id = "zelfdoding"
kind = "suicide"
words = ["niet meer leven"]
department = "piket"
[[rules]]
id = "pers"
tagged = ["pers"]
tag = ["pers-of-raad"]
[[rules]]
id = "engels"
languages = ["en"]
tag = ["engels"]
[[rules]]
id = "bezwaar"
words = ["bezwaar"]
tag = ["officieel"]
priority = "high"
due_days = 42
[[rules]]
id = "foto"
types = ["image"]
tag = ["foto"]
[[rules]]
id = "afval"
words = ["container", "afval"]
department = "afval"
[[rules]]
id = "paspoort"
words = ["paspoort"]
department = "burgerzaken"
[[rules]]
id = "weekend"
words = ["markt"]
hours = "Sa-Su 06:00-22:00"
department = "piket"
[[rules]]
id = "keuze"
words = ["vraag"]
menu = "onderwerp"
""".replace("NAMED", "\n".join(f'{name} = "{value}"' for name, value in VALUES.items()))


def town(said: str = TOWN) -> LoadedConfig:
    """A town with the texts of the example."""
    return LoadedConfig(parse(said, "town.toml"), load_texts(FOLDER), {}, version({"town": said}))


class Week:
    """A router without its shell, and a clock."""

    def __init__(self, town: LoadedConfig, start: datetime = MONDAY) -> None:
        self.ground = build_context(town, Hashes(b"a key of the tests"))
        self.now = start
        self.records: list[Record] = []
        self._known = Snapshot()
        self._timers: dict[tuple[str, str], Timer] = {}
        self._count = 0

    def passes(self, **time: float) -> None:
        """Let time pass; each time-out comes when it is due."""
        until = self.now + timedelta(**time)
        while due := [t for t in self._timers.values() if t.due_at <= until]:
            timer = min(due, key=lambda t: (t.due_at, t.id))
            self.now = max(self.now, timer.due_at)
            self._takes(timeout(timer))
        self.now = until

    def hears(self, citizen: int, *bodies: str) -> list[Decision]:
        """Texts of one citizen, in one body of Meta's."""
        return self.hears_of(*(self._text(citizen, body) for body in bodies))

    def sees(self, citizen: int, caption: str = "") -> Decision:
        """A photograph."""
        message = self._text(citizen, "") | {"type": "image"}
        message["image"] = {"id": "1", "caption": caption}
        del message["text"]
        return self.hears_of(message)[0]

    def tapped(self, citizen: int, choice: str, title: str) -> Decision:
        """A row of a menu."""
        message = self._text(citizen, "") | {"type": "interactive"}
        reply = {"type": "list_reply", "list_reply": {"id": choice, "title": title}}
        message["interactive"] = reply
        del message["text"]
        return self.hears_of(message)[0]

    def hears_of(self, *messages: dict[str, Any]) -> list[Decision]:
        receipt = Receipt(
            id=self._id("receipt"),
            received_at=self.now,
            door="/webhooks/whatsapp",
            proof="meta-sha256",
            signature="",
            body=webhook(*messages, number=NUMBER),
        )
        self._last = receipt
        return self._came(receipt)

    def repeats(self) -> None:
        """Meta sends the last body once more."""
        again = msgspec.structs.replace(self._last, id=self._id("receipt"), received_at=self.now)
        assert self._came(again) == []

    def _came(self, receipt: Receipt) -> list[Decision]:
        self.records.append(receipt_record(receipt, parse_items(receipt) or ()))
        return self._takes(receipt)

    def orders(self, type: str, conversation: str = "", **more: Any) -> Decision:
        content = msgspec.json.encode({"type": "text", "text": {"body": more.get("text", "")}})
        given: dict[str, Any] = {"author": SANNE, "content": content} | more
        command = build_command(
            type, self._id("order"), self.now, number=NUMBER, conversation=conversation, **given
        )
        return self._takes(command)[0]

    def open(self, citizen: int) -> str:
        """Id of the conversation that is open with somebody; ''."""
        key = "stad", "phone", self.ground.hashes.of("stad")("stad", "phone", phone(citizen))
        who = self._known.identities.get(key)
        return self._known.open.get((NUMBER, who.person), "") if who else ""

    def _takes(self, entry: Entry) -> list[Decision]:
        self._count += 1
        todo: list[WorkUnit] = list(parse_units(entry, self.ground))
        batch = decide_batch(todo, self._known, self.ground)
        assert batch.faults == []
        for unit, decision, changes in batch.to_publish:
            self.records += records(unit, decision)
            self._timers = {k: t for k, t in self._timers.items() if t.id != changes.fired_timer}
            self._timers |= {(t.conversation, t.kind): t for t in changes.timers}
        self.records += [duplicate_segment(unit, decision) for unit, decision in batch.duplicates]
        return [decision for _, decision, _ in batch.to_publish]

    def _text(self, citizen: int, body: str) -> dict[str, Any]:
        self._count += 1
        return text(body, f"wamid.{self._count}", citizen, int(self.now.timestamp()))

    def _id(self, what: str) -> UUID:
        self._count += 1
        return uuid7(self.now, keyed_hash(b"ids")(what, str(self._count)))
