"""One message of a citizen in hand: what was said, by whom, and where it belongs. A type."""

import msgspec

from router.conversation.interpretation import Interpretation
from router.conversation.placement import Placement
from router.identity.resolver import ResolvedPerson
from router.model.conversation import Conversation
from router.model.decision import NumberNotice, RoutingContext, WorkUnit
from services.config.numbers import Number
from services.config.organisation import Tenant
from services.whatsapp import items


class MessageContext(msgspec.Struct, frozen=True, kw_only=True):
    unit: WorkUnit
    item: items.Message
    number: Number
    tenant: Tenant
    who: ResolvedPerson
    said: Interpretation
    place: Placement
    before: Conversation
    """As it was, or as it has just been opened."""
    standing: NumberNotice
    first: bool
    """The person wrote nothing for a year."""
    ground: RoutingContext

    @property
    def opens(self) -> bool:
        return self.place.before is None
