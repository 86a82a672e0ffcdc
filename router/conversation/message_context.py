"""One message of a citizen in hand: what was said, by whom, and where it belongs. A type."""

import msgspec

from router.conversation.interpretation import Said
from router.conversation.placement import Place
from router.identity.resolver import Found
from router.model.conversation import Conversation
from router.model.decision import Ground, Standing, Unit
from services.config.numbers import Number
from services.config.organisation import Tenant
from services.whatsapp import items


class Case(msgspec.Struct, frozen=True, kw_only=True):
    unit: Unit
    item: items.Message
    number: Number
    tenant: Tenant
    who: Found
    said: Said
    place: Place
    before: Conversation
    """As it was, or as it has just been opened."""
    standing: Standing
    first: bool
    """The person wrote nothing for a year."""
    ground: Ground

    @property
    def opens(self) -> bool:
        return self.place.before is None
