"""Two town halls, and a router without its shell over tables in memory."""

from uuid import UUID

from router.billing.charges import Charge
from router.handlers.batch import decide_batch
from router.handlers.dispatch import needs_of
from router.handlers.units import keyed_hash, parse_units
from router.model.conversation import Conversation
from router.model.decision import (
    Changes,
    DecidedUnit,
    Decision,
    Identity,
    OutgoingStatus,
    RepeatedUnit,
    RoutingContext,
    Timer,
    WorkUnit,
)
from router.model.needs import Needs, union
from router.model.snapshot import Snapshot
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
    return build_context(LoadedConfig(config, texts, {}, ""), keyed_hash(b"a key of the tests"))


class Router:
    """What a partition's router commits and says, batch by batch. It keeps what the tables keep,
    and knows of each batch what they tell: nothing that it only remembers."""

    def __init__(
        self,
        config: Configuration = CONFIG,
        texts: Texts = SILENT,
        context: RoutingContext | None = None,
    ) -> None:
        self.ground = context or ground(config, texts)
        self.faulty = False
        """Whether a fault of ours is what is tested."""
        self.inbox: dict[bytes, tuple[UUID, Decision]] = {}
        self.identities: dict[tuple[str, str, bytes], Identity] = {}
        self.conversations: dict[str, Conversation] = {}
        self.outgoing: dict[UUID, OutgoingStatus] = {}
        self.charges: dict[UUID, Charge] = {}
        told = Snapshot()
        self.heard, self.templates, self.opt_outs = told.inbound, told.templates, told.opt_outs
        self.standings = told.number_notices
        self.consents, self.withdrawals = told.consents, told.withdrawals
        self.early = told.early_statuses
        self.timers: dict[tuple[str, str], Timer] = {}
        self._told = told
        self.changes: list[Changes] = []
        self.again: list[RepeatedUnit] = []
        """What came again in the batch that was last."""

    def takes(self, *entries: Entry) -> list[DecidedUnit]:
        """One batch: everything that is said, in order."""
        todo = [unit for entry in entries for unit in parse_units(entry, self.ground)]
        batch = decide_batch(todo, self._loaded(todo), self.ground)
        assert self.faulty or not batch.faults, batch.faults
        self.again = batch.duplicates
        for unit, decision, changes in batch.new:
            self.inbox[unit.key] = unit.entry.id, decision
            self._keep(changes)
        return batch.to_publish

    def _loaded(self, todo: list[WorkUnit]) -> Snapshot:
        """The rows that the handlers declare, and no others, as the router's store loads them."""
        new = (unit for unit in todo if unit.key not in self.inbox)
        needs = union(needs_of(unit, self.ground) for unit in new)
        loaded = Snapshot(needs)
        loaded.decided.update(self.inbox)
        loaded.inbound.update({id: self.heard[id] for id in needs.quoted if id in self.heard})
        for outgoing in self.outgoing.values():
            if (
                outgoing.id in {*needs.messages, *needs.quoted}
                or outgoing.wamid_hash in needs.wamids
            ):
                loaded.add_outgoing(outgoing)
        loaded.early_statuses.update(
            {key: list(self.early[key]) for key in needs.early if key in self.early}
        )
        if needs.charges or loaded.early_statuses:
            charges = {id: self.charges[id] for id in loaded.outgoing if id in self.charges}
            loaded.charges.update(charges)
        self._load_people(needs, loaded)
        loaded.number_notices.update(
            {k: n for k, n in self.standings.items() if k in needs.numbers}
        )
        if needs.templates:
            named = {k: t for k, t in self.templates.items() if k[1:] in needs.templates}
            loaded.templates.update(named)
            loaded.opt_outs.update(
                {k: o for k, o in self.opt_outs.items() if k[1] in loaded.people}
            )
        if needs.consents:
            self._load_consents(loaded)
        return loaded

    def _load_people(self, needs: Needs, loaded: Snapshot) -> None:
        named = {*needs.conversations, *(one.conversation for one in loaded.outgoing.values())}
        people = {i.person for i in self.identities.values() if i.hash in needs.identities}
        people |= {c.person for id, c in self.conversations.items() if id in named}
        for identity in self.identities.values():
            if identity.person in people:
                loaded.add_identity(identity)
        for conversation in self.conversations.values():
            if conversation.id in named or self._is_current(conversation, loaded):
                loaded.add_conversation(conversation)

    def _is_current(self, conversation: Conversation, loaded: Snapshot) -> bool:
        """Open, or the last one of its person and number that was closed."""
        if conversation.person not in loaded.people or conversation.closed_at is None:
            return conversation.person in loaded.people
        same = (
            other.closed_at
            for other in self.conversations.values()
            if (other.number, other.person) == (conversation.number, conversation.person)
        )
        return conversation.closed_at == max(at for at in same if at)

    def _load_consents(self, loaded: Snapshot) -> None:
        loaded.consents.update({k: c for k, c in self.consents.items() if k[1] in loaded.people})
        withdrawals = {k: w for k, w in self.withdrawals.items() if k[1] in loaded.people}
        loaded.withdrawals.update(withdrawals)
        for conversation in self.conversations.values():
            if conversation.person in loaded.people and conversation.last_inbound_at:
                loaded.record_inbound(conversation.person, conversation.last_inbound_at)

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
        for outgoing in filter(None, (changes.outgoing, changes.reopen_message)):
            self.outgoing[outgoing.id] = outgoing
        if changes.charge:
            self.charges[changes.charge.id] = changes.charge
        self._told.apply(
            Changes(
                inbound=changes.inbound,
                template=changes.template,
                opt_out=changes.opt_out,
                number_notice=changes.number_notice,
                consent=changes.consent,
                withdrawals=changes.withdrawals,
                early_status=changes.early_status,
                early_status_consumed=changes.early_status_consumed,
            )
        )

    def waits(self, second: float) -> list[DecidedUnit]:
        """Until so many seconds after noon: every time that comes meanwhile is told."""
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
