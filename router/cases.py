"""One message of a citizen in hand: what was said, by whom, and where it belongs. A type."""

import msgspec

from router.conversation import Conversation
from router.decisions import Ground, Standing, Unit
from router.listening import Said
from router.people import Found
from router.placing import Place
from services.numbers import Number
from services.town import Tenant
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
