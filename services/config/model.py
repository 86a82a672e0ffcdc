"""What a municipality decides, in `postkamer.toml` and what that includes: every fault at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from services.calendar.opening_hours import Closing
from services.config.cross_references import OPTIONAL, cross_reference_errors
from services.config.numbers import Number
from services.config.organisation import (
    AnyDestination,
    CloudEventsDestination,
    Department,
    TaggedContacts,
    Tenant,
)
from services.config.pricing import Rate
from services.config.routing_rules import Deep, Group, Menu, Rule, SafetyRule
from services.toml.errors import ConfigFault, Location, fault, shape_faults, toml
from services.toml.model import ConfigModel

NOBODY = "none"
"""The id of no number."""
RULES = 10_000
"""Rules of one installation; 2,000 is a large town."""


class Configuration(ConfigModel):
    partitions: int = Field(default=2, ge=1, le=64)
    """Doubling costs about a tenth of the throughput; changing takes empty queues."""
    include: tuple[str, ...] = Field(default=(), max_length=100)
    """Further files, beside this one; `*` stands for any name. Their tables follow this one's."""
    environment: Literal["test", "production"] = "test"
    """In production nothing is shown that no malware scanner has looked at."""
    texts: str = ""
    """Folder with what citizens are told, a file for each language. '' tells them nothing."""
    approved_by: str = Field(default="", max_length=200)
    """Who answers for this version of it, on the record."""
    log: str = Field(default="postkamer", pattern=r"^[A-Za-z0-9./-]{1,100}$")
    """Name of the archive's log on its checkpoints, such as your domain; once chosen it stays."""
    processing_months: int = Field(default=24, ge=13, le=240)
    """That the processing log is kept: what was done in the last two years, as long as people ask
    and complain about. Who looked stays in the record as long as what they saw."""
    tenants: tuple[Tenant, ...] = Field(min_length=1)
    numbers: tuple[Number, ...] = Field(min_length=1)
    departments: tuple[Department, ...] = Field(min_length=1)
    destinations: tuple[AnyDestination, ...] = Field(min_length=1)
    contacts: tuple[TaggedContacts, ...] = Field(default=(), max_length=1000)
    rates: tuple[Rate, ...] = Field(default=(), max_length=200)
    """What messages cost, from which month on."""
    closings: tuple[Closing, ...] = Field(default=(), max_length=1000)
    groups: tuple[Group, ...] = Field(default=(), max_length=RULES)
    care: tuple[Annotated[SafetyRule, Deep], ...] = Field(default=(), max_length=RULES)
    rules: tuple[Annotated[Rule, Deep], ...] = Field(default=(), max_length=RULES)
    menus: tuple[Menu, ...] = Field(default=(), max_length=RULES)

    @cached_property
    def _numbers(self) -> dict[str, Number]:
        return {number.id: number for number in self.numbers}

    @cached_property
    def _known_as(self) -> dict[str, str]:
        ids = {n.id: NOBODY for n in self.numbers}
        return ids | {n.provider_id_of(r): n.id for n in self.numbers for r in n.registrations}

    @cached_property
    def _departments(self) -> dict[tuple[str, str], Department]:
        return {(d.tenant, d.id): d for d in self.departments}

    @cached_property
    def _destinations(self) -> dict[str, AnyDestination]:
        return {destination.id: destination for destination in self.destinations}

    @cached_property
    def _tenants(self) -> dict[str, Tenant]:
        return {tenant.id: tenant for tenant in self.tenants}

    def number(self, number: str) -> Number | None:
        """By our own id."""
        return self._numbers.get(number)

    def number_id_for(self, phone_number_id: str) -> str:
        """Our id of the number that Meta knows, or knew, so; the same where it is none of ours. An
        id that is ours alone, and never was Meta's, is nobody's: it opens no way around proofs."""
        return self._known_as.get(phone_number_id, phone_number_id)

    def tenant(self, tenant: str) -> Tenant | None:
        return self._tenants.get(tenant)

    def department(self, tenant: str, department: str) -> Department | None:
        return self._departments.get((tenant, department))

    def destination(self, destination: str) -> AnyDestination | None:
        return self._destinations.get(destination)

    def confidential(self, tenant: str, departments: Iterable[str]) -> bool:
        """Whether one of these is."""
        found = (self.department(tenant, department) for department in departments)
        return any(department.confidential for department in found if department)


class ConfigFile(msgspec.Struct, frozen=True):
    """A file of the configuration, and what stands in it."""

    path: str
    text: str
    given: dict[str, Any]


class PartialConfig(msgspec.Struct, frozen=True):
    """What can be read of files that may have faults. `places`: table -> which entry of the files
    each of its own is, where some are left out; `lost`: tables of which something is.
    `destinations`: ids and proofs, whatever else is wrong with them."""

    config: Configuration
    destinations: tuple[AnyDestination, ...]
    places: dict[str, list[int]] = {}
    lost: frozenset[str] = frozenset()

    def placed(self, where: Location) -> Location:
        """Where it stands in the files."""
        table, *rest = where or ("",)
        if rest and isinstance(rest[0], int) and (places := self.places.get(str(table))):
            return (table, places[rest[0]], *rest[1:])
        return where


def complete(config: Configuration) -> PartialConfig:
    """Where all of it could be read."""
    return PartialConfig(config, config.destinations)


class ConfigError(ValueError):
    """Everything that is wrong with one configuration, and what can be read of it all the same."""

    def __init__(
        self,
        faults: Sequence[ConfigFault],
        read: PartialConfig | None = None,
        sources: Sequence[ConfigFile] = (),
    ) -> None:
        self.faults, self.read, self.sources = sorted(faults), read, sources
        super().__init__("\n".join(map(str, self.faults)))


def parse(text: str, path: str) -> Configuration:
    """The configuration in one file; ConfigError with every fault of it. Pure."""
    given = toml(text, path)
    if isinstance(given, ConfigFault):
        raise ConfigError([given])
    return merge_files([ConfigFile(path, text, given)])


def merge_files(sources: Sequence[ConfigFile], *, whole: bool = True) -> Configuration:
    """The configuration in a file and those that it includes, whose tables follow its own. Pure.
    Where these are not the `whole` of it, nothing is missed that may stand in the rest."""
    given, faults = _together(sources)
    found = list(cross_reference_errors(given, whole=whole))
    config = None
    try:
        config = Configuration.model_validate(given)
    except ValidationError as error:
        errors = map(_without_kind, error.errors())
        wrong = [each for each in errors if whole or not _only_missed(each)]
        found += shape_faults(wrong)
    faults += [locate_error(sources, *each) for each in found]
    if faults or config is None or not whole:
        raise ConfigError(faults, parse_partially(given, whole=whole), sources)
    return config


def _together(sources: Sequence[ConfigFile]) -> tuple[dict[str, Any], list[ConfigFault]]:
    given, faults = dict(sources[0].given), list[ConfigFault]()
    for source in sources[1:]:
        for key, value in source.given.items():
            if not isinstance(value, list) or key == "include":
                what = "only [[tables]] may stand in a file that is included"
                faults.append(fault(source.path, source.text, (key,), what))
            elif isinstance(there := given.get(key, []), list):
                given[key] = [*there, *value]
    return given, faults


def _without_kind(error: ErrorDetails) -> ErrorDetails:
    """Pydantic puts the kind of a destination in the location of an error; no file has it there."""
    where, what = error["loc"], error["msg"]
    if where[:1] != ("destinations",):
        return error
    if error["type"] == "union_tag_not_found":
        return {**error, "loc": (*where, "kind"), "msg": "Field required"}
    if error["type"] == "union_tag_invalid":
        what = f"Input should be one of {error['ctx']['expected_tags']}"
        return {**error, "loc": (*where, "kind"), "msg": what}
    if error["type"] == "extra_forbidden" and len(where) == 4:
        what = f"{what} for the kind '{where[2]}'"
    return {**error, "loc": where[:2] + where[3:], "msg": what}


def _only_missed(error: ErrorDetails) -> bool:
    return len(error["loc"]) == 1 and error["type"] in ("missing", "too_short")


ENTRIES: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(get_args(field.annotation)[0])
    for name, field in Configuration.model_fields.items()
    if name != "include" and get_origin(field.annotation) is tuple
}
"""Table -> what reads one entry of it."""


def parse_partially(given: Mapping[str, Any], *, whole: bool) -> PartialConfig:
    """The entries that have their form. Pure."""
    tables: dict[str, tuple[Any, ...]] = {}
    places: dict[str, list[int]] = {}
    for name, adapter in ENTRIES.items():
        read = list(_entries(adapter, given.get(name)))
        tables[name], places[name] = tuple(e for _, e in read), [n for n, _ in read]
    lost = {name for name in ENTRIES if not whole or _loses(name, given, tables[name])}
    texts = given.get("texts", "" if whole else None)
    if not isinstance(texts, str):
        lost, texts = lost | {"texts"}, ""
    config = Configuration.model_construct(None, **tables, texts=texts.strip())
    destinations = tuple(_destinations(given.get("destinations")))
    return PartialConfig(config, destinations, places, frozenset(lost))


def _loses(name: str, given: Mapping[str, Any], read: Sequence[Any]) -> bool:
    """A table that is no table, or an empty one, is a fault itself: it could hold anything."""
    if name in OPTIONAL and name not in given:
        return False
    entries = given.get(name)
    return not isinstance(entries, list) or not entries or len(entries) > len(read)


def _entries(adapter: TypeAdapter[Any], entries: Any) -> Iterator[tuple[int, Any]]:
    for n, entry in enumerate(entries if isinstance(entries, list) else []):
        with suppress(ValidationError):  # a fault that is told already
            yield n, adapter.validate_python(entry)


def locate_error(sources: Sequence[ConfigFile], where: Location, what: str) -> ConfigFault:
    """In the file where it stands: entries of a table are counted through all of them."""
    table, nth, *rest = (*where, None, None)[: max(len(where), 2)]
    for source in sources:
        entries = source.given.get(str(table))
        held = len(entries) if isinstance(entries, list) else 0
        if isinstance(nth, int) and nth < held:
            found = fault(source.path, source.text, (str(table), nth, *rest), what)  # type: ignore[arg-type]
            return msgspec.structs.replace(found, where=".".join(map(str, where)))
        nth = nth - held if isinstance(nth, int) else nth
    return fault(sources[0].path, sources[0].text, where, what)


PROOFS = (
    "id", "secret", "secret_next", "client_certificate", "client_key", "certificate_authorities",
    "oauth",
)  # fmt: skip
"""Of a destination, whether it can be spoken to or not."""


def _destinations(table: Any) -> Iterator[CloudEventsDestination]:
    asked = {"kind": "cloudevents", "url": "https://not.asked"}
    for entry in table if isinstance(table, list) else []:
        for keys in (PROOFS, ("id", "secret")) if isinstance(entry, dict) else ():
            with suppress(ValidationError):  # a fault that is told already
                kept = {key: entry[key] for key in keys if key in entry}
                yield CloudEventsDestination.model_validate(kept | asked)
                break
