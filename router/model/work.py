"""Types for the router's input: work units, and the context that decisions rest on. No logic."""

from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

import msgspec

from router.model.conversation import Conversation
from router.model.hashes import Hashes
from router.rules.engine import RuleTable
from router.rules.reasons import DUTCH, Reasons
from services.calendar.opening_hours import Hours
from services.config.model import Configuration
from services.config.organisation import Department
from services.contract import Command, Entry, Receipt, SendOutcome
from services.ids import moment_bits, uuid7_at
from services.texts.catalogue import Texts
from services.whatsapp.items import AnyItem

Traced = Receipt | Command | SendOutcome
"""Entries that a trace may bring; a timer and the result of a file belong to none."""
Received = Receipt | Command
"""Entries that came in from outside; the others say themselves when they were."""
UNPROVEN = "the signature is of another number's secret"
"""Reason to quarantine an item whose verified origin does not cover its number."""


_NOT_SET = datetime.min.replace(tzinfo=UTC)


class WorkUnit(msgspec.Struct, frozen=True, gc=False):
    """One thing to decide: an item of a receipt, a command, a send outcome, a media outcome or a
    timer. `key` identifies it across redeliveries."""

    key: bytes
    entry: Entry
    item: AnyItem | None = None
    """Item of the receipt. Its number is our own id of the number, not Meta's."""
    scope: str = ""
    """Portfolio that the item came from: a BSUID is unique within one."""
    item_index: int | None = None
    """Position of the item among all items of its body, from 0; None for a retried item."""
    is_repeat: bool = False
    """The same item occurred earlier in this body."""

    at: datetime = _NOT_SET
    """Time of receipt, by which every decision goes: that of the entry."""
    moment: int = 0
    """The same, as each id of this unit has it."""

    def __post_init__(self) -> None:
        entry = self.entry
        at = entry.received_at if isinstance(entry, Received) else entry.at
        # Each decision reads these some thirty times: they are set once.
        msgspec.structs.force_setattr(self, "at", at)
        msgspec.structs.force_setattr(self, "moment", moment_bits(at))

    @property
    def source(self) -> UUID:
        """Id by which a redelivery is recognised: of a retry, that of the original receipt."""
        entry = self.entry
        return (isinstance(entry, Receipt) and entry.retry_of) or entry.id

    @property
    def receipt(self) -> UUID | None:
        """Id of the receipt that brought the item."""
        return self.source if isinstance(self.entry, Receipt) else None

    @property
    def traceparent(self) -> str:
        """Trace of the entry; '' for none."""
        return self.entry.traceparent if isinstance(self.entry, Traced) else ""

    @property
    def number(self) -> str:
        """Our own id of the number that this concerns; '' for none."""
        if isinstance(self.entry, Receipt):
            return self.item.number if self.item else ""
        return self.entry.number

    @property
    def conversation(self) -> str:
        """Conversation that the entry names; '' for an item, which names none."""
        return "" if isinstance(self.entry, Receipt) else self.entry.conversation

    def id(self, purpose: str) -> UUID:
        """Return an id that is the same each time this unit is decided. It is unguessable because
        the key is."""
        return uuid7_at(self.moment, _digest(self.key, purpose))


def derive_id(key: bytes, at: datetime, purpose: str) -> UUID:
    """Return the id that the unit with this key and time has for a purpose."""
    return uuid7_at(moment_bits(at), _digest(key, purpose))


def _digest(key: bytes, purpose: str) -> bytes:
    return blake2b(key + purpose.encode(), digest_size=16).digest()


class RoutingContext(msgspec.Struct, frozen=True):
    """Everything that decisions rest on: the municipality's configuration and the keyed hashes."""

    config: Configuration
    rules: dict[str, RuleTable]
    hashes: Hashes
    """Keyed hashes with secrets; all other fields come from the files of one version."""
    hours: dict[tuple[str, str], Hours] = {}
    """Opening hours by department: (tenant, id)."""
    contacts: dict[tuple[str, str], tuple[str, ...]] = {}
    """Tags by person: (tenant, telephone number without +)."""
    texts: Texts = Texts({}, {})
    """Texts of the languages that have all of them."""
    text_words: dict[str, str] = {}
    """Ids of texts by the messages that ask for them."""
    version: str = ""
    reasons: Reasons = DUTCH
    """Language of the reasons. The router writes Dutch; a command may explain in English."""

    def department(
        self, tenant: str, id: str, conversation: Conversation | None
    ) -> Department | None:
        """Return this department; if it has been removed, the one that owns the conversation."""
        department = self.config.department(tenant, id)
        if department or conversation is None:
            return department
        return self.config.department(conversation.tenant, conversation.department)

    def destination_of(self, conversation: Conversation) -> str:
        """Return the destination of the department that owns the conversation; '' if that is gone
        from the configuration."""
        department = self.config.department(conversation.tenant, conversation.department)
        return department.destination if department else ""
