"""The model of `postkamer.toml` and the files that it includes; it reports every fault at once."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from services.calendar.opening_hours import Closing, Hours, compile_hours
from services.config.cross_references import OPTIONAL, cross_reference_errors, repeated_ids
from services.config.identity import IdentityGrant, IdentityProvider
from services.config.numbers import Number
from services.config.organisation import (
    AnyDestination,
    CloudEventsDestination,
    Department,
    TaggedContacts,
    Tenant,
)
from services.config.pricing import Rate
from services.config.routing_rules import (
    UNCHECKED_PATTERNS,
    DepthLimited,
    Group,
    Menu,
    Rule,
    RuleTest,
    SafetyRule,
)
from services.config.terms import Terms
from services.toml.errors import (
    ConfigFault,
    Location,
    fault,
    setting_names,
    shape_faults,
    toml,
)
from services.toml.model import ConfigModel
from services.toml.suggestions import find_similar
from services.toml.value_faults import describe_value

NOBODY = "none"
"""Id that no number has."""
RULES = 10_000
"""Largest number of rules of one installation; a large town has 2,000."""


RULE_TESTS = 20
"""Largest number of tables by which rules are judged: one for each municipality of those that share
an installation, or for each department of one. Each takes seconds at a reload."""


class Configuration(ConfigModel):
    partitions: int = Field(default=2, ge=1, le=64)
    """Number of partitions. Doubling it costs about a tenth of the throughput; changing it needs
    empty queues (`postkamer topology repartition`)."""
    include: tuple[str, ...] = Field(default=(), max_length=100)
    """Further files, relative to the folder of this one; `*` matches any name. Their tables are
    appended to the tables of this file."""
    environment: Literal["test", "production"] = "test"
    """Kind of installation; in production no file is shown that a malware scanner has not scanned,
    and no command believes a name that is only stated."""
    texts: str = ""
    """Folder with the texts for citizens, one file per language; '' sends no texts."""
    approved_by: str = Field(default="", max_length=200)
    """Name of a person who approved this version, as the files state it. `postkamer rules approve`
    proves one."""
    second_person: bool = False
    """True if the next version of these files counts only when two proven persons stand for it."""
    log: str = Field(default="postkamer", pattern=r"^[A-Za-z0-9./-]{1,100}$")
    """Name of the archive's log on its checkpoints, such as your domain. It must never change."""
    processing_months: int = Field(default=24, ge=13, le=240)
    """Retention of the processing log, in months. Two years cover the time in which citizens ask
    and complain. The access log stays as long as the records that were shown."""
    terms: Terms = Terms()
    """Terms after which working data ends."""
    tenants: tuple[Tenant, ...] = Field(min_length=1)
    numbers: tuple[Number, ...] = Field(min_length=1)
    departments: tuple[Department, ...] = Field(min_length=1)
    destinations: tuple[AnyDestination, ...] = Field(min_length=1)
    contacts: tuple[TaggedContacts, ...] = Field(default=(), max_length=1000)
    rates: tuple[Rate, ...] = Field(default=(), max_length=200)
    """Prices of messages, each from a month on."""
    identity_providers: tuple[IdentityProvider, ...] = Field(default=(), max_length=100)
    identity_grants: tuple[IdentityGrant, ...] = Field(default=(), max_length=2000)
    closings: tuple[Closing, ...] = Field(default=(), max_length=1000)
    groups: tuple[Group, ...] = Field(default=(), max_length=RULES)
    care: tuple[Annotated[SafetyRule, DepthLimited], ...] = Field(default=(), max_length=RULES)
    rules: tuple[Annotated[Rule, DepthLimited], ...] = Field(default=(), max_length=RULES)
    menus: tuple[Menu, ...] = Field(default=(), max_length=RULES)
    tests: tuple[RuleTest, ...] = Field(default=(), max_length=RULE_TESTS)

    @cached_property
    def _numbers(self) -> dict[str, Number]:
        return {number.id: number for number in self.numbers}

    @cached_property
    def _numbers_by_provider_id(self) -> dict[str, str]:
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
        """Return the number with this id, which is our own."""
        return self._numbers.get(number)

    def number_id_for(self, phone_number_id: str) -> str:
        """Return our id of the number with this id at Meta, current or earlier.

        An id that is not one of our numbers' is returned as it is. An id that is only ours, and
        never was Meta's, gives NOBODY: otherwise it would be a way around the signature check.
        """
        return self._numbers_by_provider_id.get(phone_number_id, phone_number_id)

    def tenant(self, tenant: str) -> Tenant | None:
        return self._tenants.get(tenant)

    def department(self, tenant: str, department: str) -> Department | None:
        return self._departments.get((tenant, department))

    @cached_property
    def _own_departments(self) -> dict[str, dict[str, str]]:
        own: dict[str, dict[str, str]] = {}
        for each in self.departments:
            names = dict.fromkeys((each.id, *each.instead_of), each.id)
            own.setdefault(each.tenant, {}).update(names)
        return own

    def own_departments(self, tenant: str) -> Mapping[str, str]:
        """Return the departments of a municipality by each name that rules, menus, closings and
        tables of messages may use: their own ids, and those that they are there instead of."""
        return self._own_departments.get(tenant, {})

    @cached_property
    def _takers(self) -> dict[str, dict[str, str]]:
        takers: dict[str, dict[str, str]] = {}
        for each in self.departments:
            takers.setdefault(each.tenant, {}).update(dict.fromkeys(each.takes_rules, each.id))
        return takers

    def takers(self, tenant: str) -> Mapping[str, str]:
        """Return the departments of a municipality that take a rule, by the id of the rule."""
        return self._takers.get(tenant, {})

    def destination(self, destination: str) -> AnyDestination | None:
        return self._destinations.get(destination)

    def departments_of(self, tenant: str, destination: str) -> list[Department]:
        """Return the departments of a municipality whose events go to this destination."""
        departments = self.departments
        return [d for d in departments if d.tenant == tenant and d.destination == destination]

    @cached_property
    def _ordinary_departments(self) -> dict[str, frozenset[str]]:
        return {
            tenant.id: frozenset(
                d.id for d in self.departments if d.tenant == tenant.id and not d.confidential
            )
            for tenant in self.tenants
        }

    def ordinary_departments(self, tenant: str) -> frozenset[str]:
        """Return the departments of a municipality that are not confidential."""
        return self._ordinary_departments.get(tenant, frozenset())

    @cached_property
    def _asking_departments(self) -> dict[str, frozenset[str]]:
        return {
            tenant.id: frozenset(
                d.id for d in self.departments if d.tenant == tenant.id and d.ask_reason
            )
            for tenant in self.tenants
        }

    def asking_departments(self, tenant: str) -> frozenset[str]:
        """Return the departments of a municipality that ask why their content is read."""
        return self._asking_departments.get(tenant, frozenset())

    def opening_hours(self) -> dict[tuple[str, str], Hours]:
        """Compile the opening hours of each department, with the closings that hold for it."""
        return {
            (d.tenant, d.id): compile_hours(
                d.hours, [c for c in self.closings if c.holds_for(d.tenant, d.id, *d.instead_of)]
            )
            for d in self.departments
        }

    def confidential(self, tenant: str, departments: Iterable[str]) -> bool:
        """Return True if one of these departments is confidential."""
        known = (self.department(tenant, department) for department in departments)
        return any(department.confidential for department in known if department)


class ConfigFile(msgspec.Struct, frozen=True):
    """A file of the configuration: its text and its tables."""

    path: str
    text: str
    tables: dict[str, Any]


class PartialConfig(msgspec.Struct, frozen=True):
    """The readable part of files that may have faults.

    `places` maps a table to the index in the files of each entry that was read. `lost` names the
    tables of which entries may be missing. `destinations` has ids and credentials, also for
    destinations that are otherwise faulty.
    """

    config: Configuration
    destinations: tuple[AnyDestination, ...]
    places: dict[str, list[int]] = {}
    lost: frozenset[str] = frozenset()

    def location_in_files(self, where: Location) -> Location:
        """Return the location in the files of a location in `config`."""
        table, *rest = where or ("",)
        if rest and isinstance(rest[0], int) and (places := self.places.get(str(table))):
            return (table, places[rest[0]], *rest[1:])
        return where


def as_partial(config: Configuration) -> PartialConfig:
    """Wrap a configuration that was read as a whole."""
    return PartialConfig(config, config.destinations)


class ConfigError(ValueError):
    """All faults of one configuration, with the part of it that can be read."""

    def __init__(
        self,
        faults: Sequence[ConfigFault],
        read: PartialConfig | None = None,
        sources: Sequence[ConfigFile] = (),
    ) -> None:
        self.faults, self.read, self.sources = sorted(faults), read, sources
        super().__init__("\n".join(map(str, self.faults)))


def parse(text: str, path: str) -> Configuration:
    """Parse the configuration in one file; raises ConfigError with every fault. Pure."""
    tables = toml(text, path)
    if isinstance(tables, ConfigFault):
        raise ConfigError([tables])
    return merge_files([ConfigFile(path, text, tables)])


def merge_files(
    sources: Sequence[ConfigFile], *, is_whole: bool = True, patterns: bool = True
) -> Configuration:
    """Merge a file with those that it includes, whose tables are appended to its own. Pure.

    Unless the configuration `is_whole`, missing entries are no fault: they may be in the
    other files. Raises ConfigError with every fault, without `patterns` with none of a pattern.
    """
    tables, faults = _append_tables(sources)
    located = list(cross_reference_errors(tables, is_whole=is_whole))
    for where, first, id in repeated_ids(tables):
        place = locate_error(sources, first, "")
        what = f"{id!r} stands here for the second time; first at {place.path}:{place.line}"
        located.append((where, what))
    config = None
    try:
        context = None if patterns else UNCHECKED_PATTERNS
        config = Configuration.model_validate(tables, context=context)
    except ValidationError as error:
        errors = map(_without_kind, map(_describe, error.errors()))
        located += shape_faults([each for each in errors if is_whole or not _is_missing(each)])
    faults += [locate_error(sources, *each) for each in located]
    if faults or config is None or not is_whole:
        raise ConfigError(faults, parse_partially(tables, is_whole=is_whole), sources)
    return config


RIGHTS = ("identity_providers", "identity_grants")
"""Tables that give rights."""
FIRST_FILE_ALONE = dict.fromkeys(RIGHTS, "who changes rules gives no rights") | {
    "tests": "who changes rules does not lower what they must reach"
}
"""Table that no included file may have, since others may write those -> reason."""


def _append_tables(sources: Sequence[ConfigFile]) -> tuple[dict[str, Any], list[ConfigFault]]:
    tables, faults = dict(sources[0].tables), list[ConfigFault]()
    for source in sources[1:]:
        for key, value in source.tables.items():
            if key in FIRST_FILE_ALONE:
                what = f"[[{key}]] belongs in postkamer.toml: {FIRST_FILE_ALONE[key]}"
                faults.append(fault(source.path, source.text, (key,), what))
            elif not isinstance(value, list) or key == "include":
                what = "only [[tables]] may stand in a file that is included"
                what += f": write [[{key}]]" if key in ENTRIES and isinstance(value, dict) else ""
                faults.append(fault(source.path, source.text, (key,), what))
            elif isinstance(entries := tables.get(key, []), list):
                tables[key] = [*entries, *value]
    return tables, faults


DESTINATIONS: dict[Any, Any] = {
    get_args(model.model_fields["kind"].annotation)[0]: model
    for model in get_args(get_args(AnyDestination)[0])
}
"""Kind -> model of a destination."""


ABOVE = ": it belongs above the first [[table]] of postkamer.toml"
"""End of a sentence: in TOML each setting after a table belongs to the table."""


DUTCH = {
    "regel": "rules", "regels": "rules", "groep": "groups", "groepen": "groups",
    "zorg": "care", "keuzemenu": "menus", "gemeente": "tenants", "gemeenten": "tenants",
    "nummer": "numbers", "nummers": "numbers", "bestemming": "destinations",
    "bestemmingen": "destinations", "afdelingen": "departments", "sluitingen": "closings",
    "woorden": "words", "woord": "words", "zonder": "without", "patroon": "pattern",
    "afdeling": "department", "antwoord": "reply", "tekst": "reply", "uren": "hours",
    "openingstijden": "hours", "naam": "name", "voorrang": "priority", "prioriteit": "priority",
    "termijn": "due_days", "label": "tag",
}  # fmt: skip
"""Dutch word -> name that a Dutch manager means by it."""


def _describe(error: ErrorDetails) -> ErrorDetails:
    """Replace the message of an error by a sentence for a person who is no programmer."""
    where = error["loc"]
    if error["type"] == "extra_forbidden":
        return _name_unknown_setting(error)
    if error["type"] == "missing" and where[2:] == ("id",) and where[0] in NOUNS:
        return {**error, "msg": f"a {NOUNS[str(where[0])]} needs an id"}
    return {**error, "msg": describe_value(error)}


def _name_unknown_setting(error: ErrorDetails) -> ErrorDetails:
    """Say which setting is unknown, and which was probably meant."""
    table, name = error["loc"][:-1], str(error["loc"][-1])
    kind, of_kind = Configuration, ""
    noun = "table" if not table and isinstance(error["input"], list | dict) else "setting"
    if table[:1] == ("destinations",):
        name_of_kind, table = str(table[2]), table[3:]
        kind = DESTINATIONS[name_of_kind]
        of_kind = "" if table else f" for the kind {name_of_kind!r}"
    names = frozenset(setting_names(kind, table))
    english = DUTCH.get(name.casefold(), "")
    meant = english if english in names else find_similar(name, names)
    if meant:
        meant = f": did you mean {f'[[{meant}]]' if noun == 'table' else repr(meant)}?"
    if error["loc"][1:] and name in Configuration.model_fields.keys() - ENTRIES.keys():
        meant = meant or ABOVE
    return {**error, "msg": f"there is no {noun} {name!r}{of_kind}{meant}"}


def _without_kind(error: ErrorDetails) -> ErrorDetails:
    """Remove the kind of a destination from the location of an error: pydantic adds it, and no file
    has it there."""
    where, what = error["loc"], error["msg"]
    if where[:1] != ("destinations",):
        return error
    if error["type"] == "union_tag_not_found":
        return {**error, "loc": (*where, "kind"), "msg": "is missing"}
    if error["type"] == "union_tag_invalid":
        what = f"expected one of {error['ctx']['expected_tags']}"
        return {**error, "loc": (*where, "kind"), "msg": what}
    return {**error, "loc": where[:2] + where[3:], "msg": what}


def _is_missing(error: ErrorDetails) -> bool:
    return len(error["loc"]) == 1 and error["type"] in ("missing", "too_short")


ENTRIES: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(get_args(field.annotation)[0])
    for name, field in Configuration.model_fields.items()
    if name != "include" and get_origin(field.annotation) is tuple
}
"""Table -> adapter that reads one entry."""


def parse_partially(tables: Mapping[str, Any], *, is_whole: bool) -> PartialConfig:
    """Read the entries that have the right form. Pure."""
    models: dict[str, tuple[Any, ...]] = {}
    places: dict[str, list[int]] = {}
    for name, adapter in ENTRIES.items():
        entries = list(_entries(adapter, tables.get(name)))
        models[name], places[name] = tuple(e for _, e in entries), [n for n, _ in entries]
    lost = {
        name for name in ENTRIES if not is_whole or _may_lack_entries(name, tables, models[name])
    }
    texts = tables.get("texts", "" if is_whole else None)
    if not isinstance(texts, str):
        lost, texts = lost | {"texts"}, ""
    config = Configuration.model_construct(None, **models, texts=texts.strip())
    destinations = tuple(_destinations(tables.get("destinations")))
    return PartialConfig(config, destinations, places, frozenset(lost))


def _may_lack_entries(name: str, tables: Mapping[str, Any], models: Sequence[Any]) -> bool:
    """Return True if entries of a table may be missing. A value that is no table, or an empty one,
    could hold any entry."""
    if name in OPTIONAL and name not in tables:
        return False
    entries = tables.get(name)
    return not isinstance(entries, list) or not entries or len(entries) > len(models)


def _entries(adapter: TypeAdapter[Any], entries: Any) -> Iterator[tuple[int, Any]]:
    for n, entry in enumerate(entries if isinstance(entries, list) else []):
        with suppress(ValidationError):  # a fault that is reported already
            yield n, adapter.validate_python(entry)


def locate_error(sources: Sequence[ConfigFile], where: Location, what: str) -> ConfigFault:
    """Make a fault in the file that holds `where`; entries are counted through all files."""
    table, nth, *rest = (*where, None, None)[: max(len(where), 2)]
    for source in sources:
        entries = source.tables.get(str(table))
        entries = entries if isinstance(entries, list) else []
        if isinstance(nth, int) and nth < len(entries):
            local = fault(source.path, source.text, (str(table), nth, *rest), what)  # type: ignore[arg-type]
            place = _name_place(where, entries[nth])
            return msgspec.structs.replace(local, where=".".join(map(str, where)), place=place)
        nth = nth - len(entries) if isinstance(nth, int) else nth
    source = next((each for each in sources if table in each.tables), sources[0])
    return fault(source.path, source.text, where, what)


NOUNS = {
    "tenants": "tenant",
    "numbers": "number",
    "departments": "department",
    "destinations": "destination",
    "rules": "rule",
    "care": "care rule",
    "groups": "group",
    "menus": "menu",
    "identity_providers": "identity provider",
    "tests": "test",
}
"""Table -> noun for one entry."""
PLAIN_ID = re.compile(r"[\w-]{1,63}")


def _name_place(where: Location, entry: Any) -> str:
    """Return a location with the id of its entry, as nobody counts rules; '' for other tables."""
    noun, id = NOUNS.get(str(where[0])), entry.get("id") if isinstance(entry, dict) else None
    if not noun:
        return ""
    if isinstance(id, str) and PLAIN_ID.fullmatch(id.strip()):
        noun = f"{noun} {id.strip()}"
    return ": ".join(filter(None, [noun, ".".join(map(str, where[2:]))]))


CREDENTIALS = (
    "id", "secret", "secret_next", "client_certificate", "client_key", "certificate_authorities",
    "oauth",
)  # fmt: skip
"""Fields of a destination that matter also if its address cannot be read."""


def _destinations(table: Any) -> Iterator[CloudEventsDestination]:
    placeholder = {"kind": "cloudevents", "url": "https://not.asked"}
    for entry in table if isinstance(table, list) else []:
        for keys in (CREDENTIALS, ("id", "secret")) if isinstance(entry, dict) else ():
            with suppress(ValidationError):  # a fault that is reported already
                fields = {key: entry[key] for key in keys if key in entry}
                yield CloudEventsDestination.model_validate(fields | placeholder)
                break
