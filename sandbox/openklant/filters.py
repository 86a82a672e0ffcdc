"""Query parameters of each list: one table with every parameter that the server knows. Pure."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from operator import eq, ge, gt, le, lt
from typing import Any, Literal

import msgspec

from sandbox.openklant import field_values
from sandbox.openklant.field_values import InvalidValue
from sandbox.openklant.schema import Field
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import Fault

Test = Literal[
    "is", "has", "contains", "uuid", "url", "yes", "any", "moment", "choice", "never", "gt", "gte",
    "lt", "lte",
]  # fmt: skip


class Filter(msgspec.Struct, frozen=True):
    """A comparison, and the path from the row to the compared values. Steps of a path: `field`,
    `field>resource` to a row it refers to, `resource<field` to rows that refer to it, and
    `group.field` in a group."""

    test: Test
    path: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()


def is_(*way: str) -> Filter:
    return Filter("is", way)


def contains(*way: str) -> Filter:
    return Filter("contains", way)


def row(name: str, *way: str) -> dict[str, Filter]:
    """Return filters for a row by its uuid and by its URL."""
    return {f"{name}__uuid": Filter("uuid", way), f"{name}__url": Filter("url", way)}


def identificator(prefix: str, group: str, *way: str) -> dict[str, Filter]:
    """Return filters for the four parts of an identificator; each name starts with the prefix."""
    names = ("objectId", "codeObjecttype", "codeRegister", "codeSoortObjectId")
    return {f"{prefix}{n[0].upper()}{n[1:]}": is_(*way, f"{group}.{n}") for n in names}


def party(prefix: str) -> dict[str, Filter]:
    """Return filters for a party. They never match: the stand-in has no parties."""
    names = ("objectId", "codeObjecttype", "codeRegister", "codeSoortObjectId")
    inner = {f"{prefix}__partijIdentificator__{name}": Filter("never") for name in names}
    return inner | {f"{prefix}__uuid": Filter("never"), f"{prefix}__url": Filter("never")}


SUBJECT = "onderwerpobjectidentificator"
OF_CONTACT = "betrokkenen<hadKlantcontact"

FILTERS: Mapping[str, Mapping[str, Filter]] = {
    "klantcontacten": {
        **{name: is_(name) for name in ("nummer", "referentienummer", "kanaal")},
        **{name: contains(name) for name in ("onderwerp", "inhoud", "reactie")},
        **{name: Filter("yes", (name,)) for name in ("vertrouwelijk", "indicatieContactGelukt")},
        "plaatsgevondenOp": Filter("moment", ("plaatsgevondenOp",)),
        "leiddeTotInterneTaken": Filter("any", ("internetaken<aanleidinggevendKlantcontact",)),
        **row("hadBetrokkene", OF_CONTACT, "uuid"),
        "hadBetrokkene__digitaaladres__adres__icontains": contains(
            OF_CONTACT, "digitaleadressen<verstrektDoorBetrokkene", "adres"
        ),
        "hadBetrokkene__wasPartij": Filter("any", (OF_CONTACT, "wasPartij")),
        **party("hadBetrokkene__wasPartij"),
        **row("onderwerpobject", "onderwerpobjecten<klantcontact", "uuid"),
        **identificator(f"onderwerpobject__{SUBJECT}", SUBJECT, "onderwerpobjecten<klantcontact"),
        **row("wasOnderwerpobject", "onderwerpobjecten<wasKlantcontact", "uuid"),
        **identificator(
            f"wasOnderwerpobject__{SUBJECT}", SUBJECT, "onderwerpobjecten<wasKlantcontact"
        ),
    },
    "betrokkenen": {
        **row("hadKlantcontact", "hadKlantcontact"),
        "hadKlantcontact__nummer": is_("hadKlantcontact>klantcontacten", "nummer"),
        "hadKlantcontact__referentienummer": is_(
            "hadKlantcontact>klantcontacten", "referentienummer"
        ),
        **row("verstrektedigitaalAdres", "digitaleadressen<verstrektDoorBetrokkene", "uuid"),
        "verstrektedigitaalAdres__adres": Filter(
            "has", ("digitaleadressen<verstrektDoorBetrokkene", "adres")
        ),
        "organisatienaam": is_("organisatienaam"),
        "contactnaamVoorletters": is_("contactnaam.voorletters"),
        "contactnaamVoornaam": is_("contactnaam.voornaam"),
        "contactnaamVoorvoegselAchternaam": is_("contactnaam.voorvoegselAchternaam"),
        "contactnaamAchternaam": is_("contactnaam.achternaam"),
        **party("wasPartij"),
        "wasPartij__nummer": Filter("never"),
    },
    "digitaleadressen": {
        "adres": is_("adres"),
        "adres__icontains": contains("adres"),
        "omschrijving": contains("omschrijving"),
        "referentie": is_("referentie"),
        "soortDigitaalAdres": Filter(
            "choice", ("soortDigitaalAdres",), ("email", "telefoonnummer", "overig")
        ),
        "isStandaardAdres": Filter("yes", ("isStandaardAdres",)),
        "isGeverifieerd": Filter("any", ("verificatieDatum",)),
        "verificatieDatum": is_("verificatieDatum"),
        "verificatieDatum__gt": Filter("gt", ("verificatieDatum",)),
        "verificatieDatum__gte": Filter("gte", ("verificatieDatum",)),
        "verificatieDatum__lt": Filter("lt", ("verificatieDatum",)),
        "verificatieDatum__lte": Filter("lte", ("verificatieDatum",)),
        **row("verstrektDoorBetrokkene", "verstrektDoorBetrokkene"),
        "verstrektDoorBetrokkene__rol": Filter(
            "choice", ("verstrektDoorBetrokkene>betrokkenen", "rol"), ("klant", "vertegenwoordiger")
        ),
        **party("verstrektDoorPartij"),
        "verstrektDoorPartij__soortPartij": Filter("never"),
    },
    "internetaken": {
        **{name: is_(name) for name in ("nummer", "referentienummer")},
        "status": Filter("choice", ("status",), ("te_verwerken", "verwerkt")),
        "toegewezenOp": Filter("moment", ("toegewezenOp",)),
        "actoren__naam": is_("toegewezenAanActoren>actoren", "naam"),
        **row("toegewezenAanActor", "toegewezenAanActoren"),
        **row("aanleidinggevendKlantcontact", "aanleidinggevendKlantcontact"),
        "klantcontact__uuid": Filter("uuid", ("aanleidinggevendKlantcontact",)),
        "klantcontact__nummer": is_("aanleidinggevendKlantcontact>klantcontacten", "nummer"),
        "klantcontact__referentienummer": is_(
            "aanleidinggevendKlantcontact>klantcontacten", "referentienummer"
        ),
    },
    "actoren": {
        "naam": contains("naam"),
        "soortActor": Filter(
            "choice",
            ("soortActor",),
            ("medewerker", "geautomatiseerde_actor", "organisatorische_eenheid"),
        ),
        "indicatieActief": Filter("yes", ("indicatieActief",)),
        **identificator("actoridentificator", "actoridentificator"),
    },
    "actorklantcontacten": {**row("actor", "actor"), **row("klantcontact", "klantcontact")},
    "onderwerpobjecten": {
        **row("klantcontact", "klantcontact"),
        **row("wasKlantcontact", "wasKlantcontact"),
        **identificator(SUBJECT, SUBJECT),
    },
    "bijlagen": {
        "klantcontact__uuid": Filter("uuid", ("wasBijlageVanKlantcontact",)),
        **identificator("bijlageidentificator", "bijlageidentificator"),
    },
}


def follow_path(store: Store, start: Row, path: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values at the end of the path; several if other rows refer to the row."""
    if not path:
        yield start
        return
    step, rest = path[0], path[1:]
    if "<" in step:
        resource, _, field = step.partition("<")
        for child in store.children(resource, field, start["uuid"]):
            yield from follow_path(store, child, rest)
    elif ">" in step:
        field, _, resource = step.partition(">")
        for one in as_tuple(start[field]):
            if other := store.get(resource, one):
                yield from follow_path(store, other, rest)
    else:
        group, _, field = step.partition(".")
        yield from as_tuple(start[group][field] if field else start[group])


def as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


Condition = tuple[Filter, Any]


def read_condition(filter_: Filter, name: str, raw: str) -> Condition | Fault | None:
    """Read a parameter's value as the server does; None for an empty value."""
    text = raw.strip()
    if not text:
        return None
    if filter_.one_of and text not in filter_.one_of:
        return Fault(name, "invalid_choice", f"Selecteer een geldige keuze. {text} is het niet.")
    try:
        return filter_, VALUE_READERS.get(filter_.test, _text)(text)
    except (ValueError, InvalidValue):
        return Fault(name, "invalid", "Voer een geldige waarde in.")


def _text(raw: str) -> Any:
    return raw


def _address(raw: str) -> Any:
    field_values.url(Field(), raw)
    try:
        return str(uuid.UUID(raw.rstrip("/").rpartition("/")[2]))
    except ValueError:
        return ""


VALUE_READERS: Mapping[str, Callable[[str], Any]] = {
    "uuid": lambda raw: str(uuid.UUID(raw)),
    "url": _address,
    "yes": lambda raw: {"true": True, "false": False}.get(raw.lower()),
    "any": lambda raw: {"true": True, "false": False}.get(raw.lower()),
    "moment": lambda raw: field_values.moment(Field(), raw),
    "gt": lambda raw: date.fromisoformat(raw).isoformat(),
    "gte": lambda raw: date.fromisoformat(raw).isoformat(),
    "lt": lambda raw: date.fromisoformat(raw).isoformat(),
    "lte": lambda raw: date.fromisoformat(raw).isoformat(),
}


def count_matches(store: Store, one: Row, condition: Condition) -> int:
    """Return how often a row is in the results.

    The server joins tables: it lists and counts a task once for each of its actors with that name,
    and a contact once for each such onderwerpobject.
    """
    filter_, value = condition
    if value is None:  # neither true nor false: the server does not filter then
        return 1
    values = [each for each in follow_path(store, one, filter_.path) if each is not None]
    if filter_.test == "any":
        return int(bool(values) is value)
    compare: Compare = COMPARISONS.get(filter_.test, eq)
    matches = sum(compare(each, value) for each in values)
    return matches if filter_.test == "is" else min(matches, 1)


Compare = Callable[[Any, Any], bool]
COMPARISONS: Mapping[str, Compare] = {
    "never": lambda _, __: False,
    "contains": lambda one, other: other.lower() in one.lower(),
    "gt": gt,
    "gte": ge,
    "lt": lt,
    "lte": le,
}
"""Comparison of each test; other tests compare for equality."""
