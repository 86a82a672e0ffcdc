"""An invented November: what three numbers sent, what Meta told of it, and its costs by hand.

Nothing in here knows how Postkamer counts.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec

from services import clock
from services.contract import Command, Entry
from tests.support.integration.running_partition import receipt
from tests.support.router.commands import build_command

TOWN = """
departments = [
    {id = "kcc", tenant = "almelo", name = "Klantcontact", destination = "crm"},
    {id = "groen", tenant = "almelo", name = "Openbare ruimte", destination = "crm"},
    {id = "geld", tenant = "almelo", name = "Belastingen", destination = "crm"},
    {id = "kcc", tenant = "borne", name = "Klantcontact", destination = "crm"},
]
[[tenants]]
id = "almelo"
name = "Gemeente Almelo"
budget = "250.00"
[[tenants]]
id = "borne"
name = "Gemeente Borne"
[[numbers]]
id = "10000001"
tenant = "almelo"
fallback = "kcc"
[[numbers]]
id = "10000002"
tenant = "almelo"
fallback = "kcc"
[[numbers]]
id = "20000001"
tenant = "borne"
fallback = "kcc"
[[destinations]]
id = "crm"
kind = "cloudevents"
url = "https://crm.example/events"
[[rates]]
from = 2026-10-01
amounts = {service = "0.0456", utility = "0.05", marketing = "0.1323"}
[[rates]]
from = 2027-01-01
amounts = {service = "1", utility = "1", marketing = "1"}
"""
MILLIONTHS = {"service": 45_600, "utility": 50_000, "marketing": 132_300}
"""Millionths of a euro for a message in November: by hand, in whole numbers."""
NUMBERS = {"10000001": ("almelo", 1600), "10000002": ("almelo", 300), "20000001": ("borne", 200)}
"""Number -> whose, and how many messages it sent: one has more than a thousand that are free."""
DEPARTMENTS = {"almelo": ["kcc", "groen", "geld"], "borne": ["kcc"]}
FREE = ("service", "free_customer_service")
BEGIN, END = datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC)
"""Bounds of November, by the clock of Amsterdam."""
SECOND = timedelta(seconds=1)
EDGES = [BEGIN - SECOND, BEGIN, END - SECOND, END]
MONTH = "2026-11"
STORIES = {
    "sent$ delivered$ read": 50, "sent$ read$": 10, "delivered$": 10, "sent$ delivered read": 10,
    "sent delivered$": 5, "sent$": 5, "sent$ failed": 4, "failed": 4, "delivered": 2,
}  # fmt: skip
"""Statuses that a message gets, those with a price marked; and how often that happens."""


class Invented(msgspec.Struct, kw_only=True):
    """A message of the month, as only this test knows it."""

    order: Command
    tenant: str
    at: datetime
    story: list[str]
    category: str
    type: str = ""

    @property
    def arrived(self) -> bool:
        return {"delivered", "read"} & {word.rstrip("$") for word in self.story} != set()

    @property
    def told(self) -> tuple[str, str]:
        """Category and type, where any status says so."""
        priced = any(word.endswith("$") for word in self.story)
        return (self.category, self.type) if priced else ("", "")

    def statuses(self) -> Iterator[dict[str, Any]]:
        """Statuses as Meta sends them; read comes some minutes, and maybe a month, after
        delivered."""
        pricing = {"pricing_model": "PMP", "category": self.category, "type": self.type}
        pricing |= {"billable": self.type == "regular"}
        first = next((w for w in self.story if w.rstrip("$") in ("delivered", "read")), "")
        for word in self.story:
            late = timedelta(minutes=20 if word == "read" and word != first else 0)
            at = self.at + late - timedelta(seconds=90 if word.startswith("sent") else 0)
            said = {"id": f"wamid.{self.order.id}", "status": word.rstrip("$")}
            said |= {"timestamp": str(int(at.timestamp()))}
            said |= {"biz_opaque_callback_data": f"{self.order.id}.1"}
            yield said | ({"pricing": pricing} if word.endswith("$") else {})


def invented(chance: Random) -> list[Invented]:
    """Messages that three numbers sent around a November, charged as Meta does."""
    made = []
    for number, (tenant, count) in NUMBERS.items():
        for n in range(count):
            at = BEGIN + timedelta(seconds=chance.randrange(-86_400, 31 * 86_400))
            category = chance.choices(["service", "utility", "marketing"], [10, 1, 1])[0]
            order = build_command(
                "text",
                clock.new_id(),
                clock.now(),
                text="Goedemiddag",
                number=number,
                to=f"316{number[0]}{number[-1]}{n:06}",
                department=chance.choice(DEPARTMENTS[tenant]),
            )
            story = chance.choices(list(STORIES), list(STORIES.values()))[0].split()
            at = EDGES[n] if n < len(EDGES) else at
            made.append(Invented(order=order, tenant=tenant, at=at, story=story, category=category))
    return charged(made, chance)


def charged(made: list[Invented], chance: Random) -> list[Invented]:
    """The first thousand service messages of a number that arrive in a month are free, and those
    that came by an advertisement; the neighbour's first one is charged all the same."""
    arrived: Counter[tuple[str, int]] = Counter()
    for one in sorted(made, key=lambda one: one.at):
        which = one.order.number, (one.at >= BEGIN) + (one.at >= END)
        one.type = "regular"
        if one.category == "service":
            free = arrived[which] < 1000 and (one.tenant, arrived[which]) != ("borne", 5)
            one.type = FREE[1] if free else "regular"
            arrived[which] += one.arrived
        elif one.category == "marketing" and chance.random() < 0.2:
            one.type = "free_entry_point"
    return made


def receipts(made: list[Invented], chance: Random) -> list[Entry]:
    """Every status at least once and in any order, fifty in a body, as Meta may send them."""
    found: list[Entry] = []
    for number in NUMBERS:
        said = [s for one in made if one.order.number == number for s in one.statuses()]
        said += [status for status in said if chance.random() < 0.2]
        chance.shuffle(said)
        for n in range(0, len(said), 50):
            value = {"metadata": {"phone_number_id": number}, "statuses": said[n : n + 50]}
            entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
            body = {"object": "whatsapp_business_account", "entry": [entry]}
            found.append(receipt(msgspec.json.encode(body)))
    chance.shuffle(found)
    return found


Sums = dict[tuple[str, ...], list[int]]


def by_hand(made: list[Invented], *keys: str, **only: str) -> Sums:
    """(tenant, ...) -> delivered, free, charged, unknown, millionths of a euro, in November."""
    sums: Sums = {}
    for one in made:
        category, type = one.told
        named = {"tenant": one.tenant, "department": one.order.department}
        named |= {"number": one.order.number, "category": category}
        mine = all(named[key] == value for key, value in only.items())
        if not (one.arrived and BEGIN <= one.at < END and mine):
            continue
        sum = sums.setdefault(tuple(named[key] for key in ("tenant", *keys)), [0] * 5)
        sum[0] += 1
        sum[1] += type in ("free_customer_service", "free_entry_point")
        sum[2] += type == "regular"
        sum[3] += type == ""
        sum[4] += MILLIONTHS[category] if type == "regular" else 0
    return sums
