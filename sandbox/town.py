"""The town hall that the page shows: municipalities, their numbers and departments."""

import msgspec

from services.config import Config


class Tenant(msgspec.Struct, frozen=True):
    id: str
    name: str


class Number(msgspec.Struct, frozen=True):
    """A WhatsApp number of a municipality; `id` is Meta's phone_number_id."""

    id: str
    tenant: str

    @property
    def phone(self) -> str:
        """As citizens would dial it, digits only: made up from the id."""
        return f"3185{self.id[-7:]:0>7}"

    @property
    def account(self) -> str:
        """Id of the WhatsApp Business Account that it stands under, made up likewise."""
        return f"2{self.id[-14:]:0>14}"


class Department(msgspec.Struct, frozen=True):
    id: str
    tenant: str
    name: str


class Town(msgspec.Struct, frozen=True):
    tenants: tuple[Tenant, ...]
    numbers: tuple[Number, ...]
    departments: tuple[Department, ...]

    def number(self, number_id: str) -> Number | None:
        return next((number for number in self.numbers if number.id == number_id), None)


def of(config: Config) -> Town:
    return Town(
        tenants=tuple(Tenant(t.id, t.name) for t in config.tenants),
        numbers=tuple(Number(n.id, n.tenant) for n in config.numbers),
        departments=tuple(Department(d.id, d.tenant, d.name) for d in config.departments),
    )


EXAMPLE = Town(
    tenants=(Tenant("voorbeeldstad", "Gemeente Voorbeeldstad"),),
    numbers=(Number("106540352242922", "voorbeeldstad"),),
    departments=tuple(
        Department(key, "voorbeeldstad", name)
        for key, name in (
            ("klantcontact", "Klantcontact"),
            ("burgerzaken", "Burgerzaken"),
            ("openbare-ruimte", "Openbare ruimte"),
            ("belastingen", "Belastingen"),
            ("vergunningen", "Vergunningen"),
            ("zorg-en-jeugd", "Zorg en jeugd"),
        )
    ),
)
