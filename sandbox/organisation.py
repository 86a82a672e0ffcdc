"""The town hall that the page shows: municipalities, their numbers and departments."""

from typing import Literal

import msgspec

from services.config.model import Configuration

Carrier = Literal["meta", "360dialog"]
"""Who brings a number's messages: Meta itself, or a business solution provider."""


class Tenant(msgspec.Struct, frozen=True):
    id: str
    name: str


class Number(msgspec.Struct, frozen=True):
    """A WhatsApp number of a municipality, and how it is known at who carries it now.

    `id` is Postkamer's and stays through every move.
    """

    id: str
    tenant: str
    provider: Carrier = "meta"
    phone_number_id: str = ""
    """Meta's; '' where it is the same as `id`."""
    waba: str = ""
    """Meta's id of the WhatsApp Business Account; '' for a made up one."""
    portfolio: str = ""
    """Citizens have one business-scoped user id in each."""
    key: str = ""
    """What 360dialog knows it by; '' for a made up one."""
    marks: bool = False
    """Whether a desk may ask that the citizen sees that it was read."""

    @property
    def phone(self) -> str:
        """As citizens would dial it, digits only: made up from the id, and kept in a move."""
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
    """It shows no citizen that it read anything."""


class Town(msgspec.Struct, frozen=True):
    tenants: tuple[Tenant, ...]
    numbers: tuple[Number, ...]
    departments: tuple[Department, ...]


def of(config: Configuration) -> Town:
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
                marks=n.read_marks != "never",
            )
            for n in config.numbers
        ),
        departments=tuple(
            Department(d.id, d.tenant, d.name, d.confidential) for d in config.departments
        ),
    )


EXAMPLE = Town(
    tenants=(Tenant("voorbeeldstad", "Gemeente Voorbeeldstad"),),
    numbers=(Number("106540352242922", "voorbeeldstad", marks=True),),
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
"""deploy/examples/voorbeeldstad, for a sandbox that runs without it."""
