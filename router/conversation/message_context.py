"""Everything the router knows while it decides on one message of a citizen."""

import msgspec

from router.conversation.interpretation import Interpretation
from router.conversation.placement import Placement
from router.identity.resolver import ResolvedPerson
from router.model.changes import NumberNotice
from router.model.conversation import Conversation
from router.model.work import RoutingContext, WorkUnit
from services.config.numbers import Number
from services.config.organisation import Tenant
from services.whatsapp import items


class MessageContext(msgspec.Struct, frozen=True, kw_only=True):
    unit: WorkUnit
    item: items.Message
    number: Number
    tenant: Tenant
    sender: ResolvedPerson
    interpretation: Interpretation
    placement: Placement
    previous: Conversation
    """The conversation before the message, or as it was just opened."""
    number_notice: NumberNotice
    is_first_contact: bool
    """The person wrote nothing for a year, or has not had the welcome text yet."""
    context: RoutingContext

    @property
    def is_new_conversation(self) -> bool:
        return self.placement.previous is None
