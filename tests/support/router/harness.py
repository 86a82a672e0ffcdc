"""Two town halls, and a router without its shell over tables in memory."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from router.billing.charges import Charge
from router.handlers.batch import decide_batch
from router.handlers.dispatch import needs_of
from router.handlers.units import parse_units
from router.model.changes import Changes, DecidedUnit, Identity, OutgoingStatus, RepeatedUnit, Timer
from router.model.conversation import Conversation
from router.model.decision import Decision
from router.model.hashes import Hashes
from router.model.needs import Needs, union
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.ruleset.context import build_context
from services.config.loader import LoadedConfig
from services.config.model import Configuration, parse
from services.contract import Entry
from services.texts.catalogue import Texts
from tests.support.router.commands import command
from tests.support.router.decisions import DecisionView, decisions
from tests.support.router.names import ANNA, at
from tests.support.router.timer_delivery import timeout
from tests.support.router.webhooks import inbound, text

TOML = """
departments = [
    {id = "klantcontact", tenant = "almelo", name = "Klantcontact", destination = "crm"},
    {id = "belastingen", tenant = "almelo", name = "Belastingen", destination = "crm"},
    {id = "groen", tenant = "almelo", name = "Openbare ruimte", destination = "buiten"},
    {id = "klantcontact", tenant = "borne", name = "Klantcontact", destination = "crm"},
]
destinations = [
    {id = "crm", kind = "cloudevents", url = "https://crm.example/events"},
    {id = "buiten", kind = "cloudevents", url = "https://buiten.example/events"},
]

[[tenants]]
id = "almelo"
name = "Gemeente Almelo"
[[tenants]]
id = "borne"
name = "Gemeente Borne"

[[numbers]]
id = "10000001"
tenant = "almelo"
fallback = "klantcontact"
[[numbers]]
id = "10000002"
tenant = "almelo"
fallback = "belastingen"
[[numbers]]
id = "20000001"
tenant = "borne"
fallback = "klantcontact"

[[rules]]
id = "afval"
words = ["container", "grof vuil"]
department = "groen"
[[rules]]
id = "geld"
words = ["belasting", "woz"]
department = "belastingen"
"""
CONFIG = parse(TOML, "postkamer.toml")
SILENT = Texts({}, {})
"""A municipality that tells its citizens nothing by itself."""


def ground(config: Configuration = CONFIG, texts: Texts = SILENT) -> RoutingContext:
    return build_context(LoadedConfig(config, texts, {}, ""), Hashes(b"a key of the tests"))


APPLIED = (
    *("inbound", "template", "opt_out", "number_notice", "consent", "withdrawals"),
    *("early_status", "early_status_consumed"),
)
"""Changes that a snapshot can apply to its tables by itself."""


def pick(rows: dict[Any, Any], is_needed: Callable[[Any], bool]) -> dict[Any, Any]:
    return {key: row for key, row in rows.items() if is_needed(key)}


class Router:
    """Router of one partition, batch by batch. It stores what the tables store, and reads of them
    what each batch declares that it needs."""

    def __init__(
        self,
        config: Configuration = CONFIG,
        texts: Texts = SILENT,
        context: RoutingContext | None = None,
    ) -> None:
        self.ground = context or ground(config, texts)
        self.faulty = False
        """True if the test wants faults."""
        self.inbox: dict[bytes, tuple[UUID, Decision]] = {}
        self.identities: dict[tuple[str, str, bytes], Identity] = {}
        self.conversations: dict[str, Conversation] = {}
        self.outgoing: dict[UUID, OutgoingStatus] = {}
        self.charges: dict[UUID, Charge] = {}
        told = Snapshot()
        self.heard, self.early = told.inbound.loaded(), told.early_statuses.loaded()
        self.templates, self.opt_outs = told.templates.loaded(), told.opt_outs.loaded()
        self.consents, self.withdrawals = told.consents.loaded(), told.withdrawals.loaded()
        self.standings = told.number_notices.loaded()
        self.timers: dict[tuple[str, str], Timer] = {}
        self._told = told
        self.changes: list[Changes] = []
        self.again: list[RepeatedUnit] = []
        """Repeats of the last batch."""

    def takes(self, *entries: Entry) -> list[DecidedUnit]:
        """Decide one batch; return all that is published of it, in order."""
        todo = [unit for entry in entries for unit in parse_units(entry, self.ground)]
        batch = decide_batch(todo, self._loaded(todo), self.ground)
        assert self.faulty or not batch.faults, batch.faults
        self.again = batch.duplicates
        for unit, decision, changes in batch.new:
            self.inbox[unit.key] = unit.source, decision
            self._keep(changes)
        return batch.to_publish

    def _loaded(self, todo: list[WorkUnit]) -> Snapshot:
        """The rows that the handlers declare, and no others, as the router's store loads them."""
        new = (unit for unit in todo if unit.key not in self.inbox)
        needs = union(needs_of(unit, self.ground) for unit in new)
        loaded = Snapshot(needs)
        loaded.decided.update(self.inbox)
        loaded.inbound.loaded().update(pick(self.heard, lambda id: id in needs.quoted))
        for outgoing in self.outgoing.values():
            named = outgoing.id in {*needs.messages, *needs.quoted}
            if named or outgoing.wamid_hash in needs.wamids:
                loaded.add_outgoing(outgoing)
        early = pick(self.early, lambda key: key in needs.early)
        loaded.early_statuses.loaded().update(
            {key: list(statuses) for key, statuses in early.items()}
        )
        if needs.charges or early:
            loaded.charges.loaded().update(
                pick(self.charges, lambda id: id in loaded.outgoing.loaded())
            )
        self._load_people(needs, loaded)
        notices = pick(self.standings, lambda number: number in needs.numbers)
        loaded.number_notices.loaded().update(notices)
        self._load_people_rows(needs, loaded)
        return loaded

    def _load_people_rows(self, needs: Needs, loaded: Snapshot) -> None:
        people = set(loaded.people())
        if needs.templates:
            for template in pick(self.templates, lambda key: key[1:] in needs.templates).values():
                loaded.add_template(template)
            loaded.opt_outs.loaded().update(pick(self.opt_outs, lambda key: key[1] in people))
        if needs.consents:
            loaded.consents.loaded().update(pick(self.consents, lambda key: key[1] in people))
            withdrawals = pick(self.withdrawals, lambda key: key[1] in people)
            loaded.withdrawals.loaded().update(withdrawals)
        if needs.last_heard:
            for conversation in self.conversations.values():
                if conversation.person in people and conversation.last_inbound_at:
                    loaded.record_inbound(conversation.person, conversation.last_inbound_at)

    def _load_people(self, needs: Needs, loaded: Snapshot) -> None:
        named = {
            *needs.conversations,
            *(one.conversation for one in loaded.outgoing.loaded().values()),
        }
        people = {i.person for i in self.identities.values() if i.hash in needs.identities}
        people |= {c.person for id, c in self.conversations.items() if id in named}
        for identity in self.identities.values():
            if identity.person in people:
                loaded.add_identity(identity)
        for conversation in self.conversations.values():
            if conversation.id in named or self._is_current(conversation, loaded):
                loaded.add_conversation(conversation)

    def _is_current(self, conversation: Conversation, loaded: Snapshot) -> bool:
        """True if it is open, or the last one of its person and number that was closed."""
        if conversation.person not in loaded.people() or conversation.closed_at is None:
            return conversation.person in loaded.people()
        same = (
            other.closed_at
            for other in self.conversations.values()
            if (other.number, other.person) == (conversation.number, conversation.person)
        )
        return conversation.closed_at == max(at for at in same if at)

    def _keep(self, changes: Changes) -> None:
        self.changes.append(changes)
        for identity in changes.identities:
            if identity.valid_to is None:
                self.identities[identity.key] = identity
            else:
                self.identities.pop(identity.key, None)
        for conversation in filter(None, (changes.merged_conversation, changes.conversation)):
            self.conversations[conversation.id] = conversation
        self.timers = {k: t for k, t in self.timers.items() if t.id != changes.fired_timer}
        self.timers |= {(t.conversation, t.kind): t for t in changes.timers}
        for outgoing in filter(None, (changes.outgoing, changes.other_outgoing)):
            self.outgoing[outgoing.id] = outgoing
        if changes.charge:
            self.charges[changes.charge.id] = changes.charge
        self._told.apply(Changes(**{name: getattr(changes, name) for name in APPLIED}))

    def waits(self, second: float) -> list[DecidedUnit]:
        """Fire every timer that is due until so many seconds after noon."""
        said: list[DecidedUnit] = []
        while due := [t for t in self.timers.values() if t.due_at <= at(second)]:
            said += self.takes(timeout(min(due, key=lambda timer: timer.due_at)))
        return said


def open_conversation(router: Router, n: int = 1, **who: str) -> DecisionView:
    entry = inbound(text(f"wamid.{n}", "hallo", **(who or ANNA)), second=n)
    return decisions(router.takes(entry))[-1]


def router_with_message() -> tuple[Router, UUID]:
    """A router that has just accepted a message to Anna, and its id."""
    router = Router()
    order = command("a", to=ANNA["phone"])
    router.takes(order)
    return router, order.id


def decide_one(router: Router, entry: Entry) -> tuple[DecisionView, Changes]:
    [(_, decision, changes)] = router.takes(entry)
    return DecisionView(decision), changes
