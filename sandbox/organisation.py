"""The town hall that the page shows: municipalities, their numbers and departments."""

from typing import Literal

import msgspec

from services.config.model import Configuration
from services.config.organisation import OpenKlantDestination

Carrier = Literal["meta", "360dialog"]
"""Carrier of a number's messages: Meta itself, or a business solution provider."""
DESK_EVENTS = "/events"
"""Path at which the desk takes events."""


class Tenant(msgspec.Struct, frozen=True):
    id: str
    name: str


class Number(msgspec.Struct, frozen=True):
    """A WhatsApp number of a municipality, with its ids at its present carrier.

    `id` is Postkamer's and never changes.
    """

    id: str
    tenant: str
    provider: Carrier = "meta"
    phone_number_id: str = ""
    """Meta's id of the number; '' if it is the same as `id`."""
    waba: str = ""
    """Meta's id of the WhatsApp Business Account; '' for a made-up id."""
    portfolio: str = ""
    """Meta's business portfolio. Citizens have one business-scoped user id in each."""
    key: str = ""
    """API key of the number at 360dialog; '' for a made-up key."""
    sends_read_receipts: bool = False
    """True if a desk may send read receipts."""

    @property
    def phone(self) -> str:
        """Phone number, digits only, made up from the id; a move does not change it."""
        return f"3185{self.id[-7:]:0>7}"

    @property
    def meta_id(self) -> str:
        return self.phone_number_id or self.id

    @property
    def account(self) -> str:
        return self.waba or f"2{self.id[-14:]:0>14}"

    @property
    def api_key(self) -> str:
        return self.key or f"sandbox-d360-{self.id}"


class Department(msgspec.Struct, frozen=True):
    id: str
    tenant: str
    name: str
    confidential: bool = False
    """True if the department sends no read receipts."""
    register_id: str = ""
    register_name: str = ""
    """Id and name in the municipality's own register; '' if they are the same as here."""
    register_kind: str = "afdeling"


class Town(msgspec.Struct, frozen=True):
    tenants: tuple[Tenant, ...]
    numbers: tuple[Number, ...]
    departments: tuple[Department, ...]
    has_openklant: bool = False
    desk_url: str = ""
    """Address of the desk, if all departments answer there; '' if the sandbox is their CRM."""


def from_config(config: Configuration, desk_url: str = "") -> Town:
    """Return the town hall of a configuration. `desk_url` is the address that the desk would
    have."""
    used = {department.destination for department in config.departments}
    urls = {each.url for each in config.destinations if each.id in used}
    return Town(
        tenants=tuple(Tenant(t.id, t.name) for t in config.tenants),
        numbers=tuple(
            Number(
                n.id,
                n.tenant,
                n.provider,
                n.phone_number_id,
                n.waba,
                n.portfolio,
                sends_read_receipts=n.read_marks != "never",
            )
            for n in config.numbers
        ),
        departments=tuple(
            Department(
                d.id,
                d.tenant,
                d.name,
                d.confidential,
                d.register_id,
                d.register_name,
                d.register_kind,
            )
            for d in config.departments
        ),
        has_openklant=any(isinstance(d, OpenKlantDestination) for d in config.destinations),
        desk_url=desk_url if urls == {desk_url + DESK_EVENTS} else "",
    )


EXAMPLE = Town(
    tenants=(Tenant("voorbeeldstad", "Gemeente Voorbeeldstad"),),
    numbers=(Number("106540352242922", "voorbeeldstad", sends_read_receipts=True),),
    departments=tuple(
        Department(key, "voorbeeldstad", name, key == "zorg-en-jeugd")
        for key, name in (
            ("burgerzaken", "Burgerzaken"),
            ("openbare-ruimte", "Openbare ruimte"),
            ("belastingen", "Belastingen"),
            ("werk-en-inkomen", "Werk en inkomen"),
            ("zorg-en-jeugd", "Zorg en jeugd"),
            ("vergunningen", "Vergunningen"),
            ("parkeren", "Parkeren"),
            ("klantcontact", "Klantcontactcentrum"),
        )
    ),
)
"""The same municipality as deploy/examples/voorbeeldstad, for a sandbox without configuration."""
