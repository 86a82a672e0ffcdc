"""What a municipality decides: `postkamer.toml`, typed, with every fault at once and its line."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Id = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
"""Ids become queue names and metric labels, so they are short and plain."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Tenant(_Table):
    id: str = Id
    name: str = Field(min_length=1, max_length=200)


class Number(_Table):
    id: str = Field(pattern=r"^[0-9]{5,32}$")
    """Meta's phone_number_id."""
    tenant: str
    fallback: str
    """Department when no rule decides."""


class Department(_Table):
    id: str = Id
    tenant: str
    name: str = Field(min_length=1, max_length=200)
    destination: str
    hours: str = ""


class Destination(_Table):
    id: str = Id
    kind: Literal["cloudevents"]
    url: str = Field(pattern=r"^https?://[^\s]+$")
    secret: str = ""
    """`env:NAME`; a Standard Webhooks secret (`whsec_` and base64, or plain text)."""
    window: int = Field(default=64, ge=1, le=512)
    """Deliveries in flight."""


class Rule(_Table):
    id: str = Id
    words: tuple[str, ...] = Field(min_length=1, max_length=5000)
    department: str
    tenant: str = ""
    """Only for this municipality; without it, for each that has the department."""


class Config(_Table):
    partitions: int = Field(default=2, ge=1, le=64)
    """Doubling costs about a tenth of the throughput; changing takes empty queues."""
    tenants: tuple[Tenant, ...] = Field(min_length=1)
    numbers: tuple[Number, ...] = Field(min_length=1)
    departments: tuple[Department, ...] = Field(min_length=1)
    destinations: tuple[Destination, ...] = Field(min_length=1)
    rules: tuple[Rule, ...] = ()

    def number(self, number: str) -> Number | None:
        return next((n for n in self.numbers if n.id == number), None)

    def department(self, tenant: str, department: str) -> Department | None:
        wanted = (tenant, department)
        return next((d for d in self.departments if (d.tenant, d.id) == wanted), None)


class Fault(msgspec.Struct, frozen=True, order=True):
    """One thing wrong with the file: where, and a sentence. `line` 0 is the file as a whole."""

    line: int
    where: str
    what: str


class ConfigError(ValueError):
    """Everything that is wrong with one configuration file."""

    def __init__(self, path: str, faults: list[Fault]) -> None:
        self.path, self.faults = path, sorted(faults)
        super().__init__("\n".join(f"{path}:{f.line}: {f.where}: {f.what}" for f in self.faults))


def load(path: Path) -> Config:
    """The configuration in `path`; ConfigError with every fault of it."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows puts a mark before it
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [Fault(0, "file", f"cannot be read: {error}")]) from error
    return parse(text, str(path))


def parse(text: str, path: str) -> Config:
    """The configuration in `text`; pure."""
    try:
        given = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not all of them are TOMLDecodeErrors
        line = re.search(r"line (\d+)", str(error))
        fault = Fault(int(line[1]) if line else 0, "file", f"is no TOML: {error}")
        raise ConfigError(path, [fault]) from error
    try:
        config = Config.model_validate(given)
    except ValidationError as error:
        raise ConfigError(path, list(_shape_faults(text, error))) from error
    if faults := [_fault(text, where, what) for where, what in _contradictions(config)]:
        raise ConfigError(path, faults)
    return config


Location = tuple[int | str, ...]


def _fault(text: str, where: Location, what: str) -> Fault:
    return Fault(_line_of(text, where), ".".join(map(str, where)) or "file", what)


def _shape_faults(text: str, error: ValidationError) -> Iterator[Fault]:
    """A table is not also too short because what stands in it is wrong."""
    found = error.errors()
    for each in found:
        where = each["loc"]
        within = any(other["loc"][: len(where)] == where for other in found if other != each)
        if not (each["type"] == "too_short" and within):
            yield _fault(text, where, each["msg"])


def _line_of(text: str, where: Location) -> int:
    """Line of `("rules", 2, "words")` in the text: its key, else its table, else 0."""
    lines = text.split("\n")
    table, nth, *rest = (*where, "", "")[: max(len(where), 2)]
    name = re.escape(str(table))
    starts = [n for n, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{name}\s*\]\]", line)]
    if not isinstance(nth, int) or nth >= len(starts):
        return _first(lines, rf"\s*(\[?\[\s*{name}\s*[\].]|{name}\s*[=.])", 0, len(lines)) or 0
    end = _first(lines, r"\s*\[\[?\s*\w", starts[nth] + 1, len(lines)) or len(lines)
    key = next((part for part in rest if isinstance(part, str)), "")
    return _first(lines, rf"\s*{re.escape(key)}\s*=", starts[nth], end) or starts[nth] + 1


def _first(lines: list[str], pattern: str, start: int, end: int) -> int | None:
    """Number, counted from 1, of the first line that matches."""
    return next((n + 1 for n in range(start, end) if re.match(pattern, lines[n])), None)


def _contradictions(config: Config) -> Iterator[tuple[Location, str]]:
    """References that lead nowhere, and ids given twice."""
    yield from _number_faults(config)
    yield from _department_faults(config)
    yield from _rule_faults(config)
    yield from _repeats(config)


def _number_faults(config: Config) -> Iterator[tuple[Location, str]]:
    tenants = {tenant.id for tenant in config.tenants}
    for n, number in enumerate(config.numbers):
        if number.tenant not in tenants:
            yield ("numbers", n, "tenant"), f"there is no tenant {number.tenant!r}"
        elif not config.department(number.tenant, number.fallback):
            what = f"{number.tenant!r} has no department {number.fallback!r}"
            yield ("numbers", n, "fallback"), what


def _department_faults(config: Config) -> Iterator[tuple[Location, str]]:
    tenants = {tenant.id for tenant in config.tenants}
    destinations = {destination.id for destination in config.destinations}
    for n, department in enumerate(config.departments):
        if department.tenant not in tenants:
            yield ("departments", n, "tenant"), f"there is no tenant {department.tenant!r}"
        if department.destination not in destinations:
            what = f"there is no destination {department.destination!r}"
            yield ("departments", n, "destination"), what


def _rule_faults(config: Config) -> Iterator[tuple[Location, str]]:
    tenants = {tenant.id for tenant in config.tenants}
    for n, rule in enumerate(config.rules):
        if rule.tenant and rule.tenant not in tenants:
            yield ("rules", n, "tenant"), f"there is no tenant {rule.tenant!r}"
        elif not any(
            d.id == rule.department and rule.tenant in ("", d.tenant) for d in config.departments
        ):
            yield ("rules", n, "department"), f"there is no department {rule.department!r}"


def _repeats(config: Config) -> Iterator[tuple[Location, str]]:
    tables: dict[str, Iterable[Any]] = {
        "tenants": [t.id for t in config.tenants],
        "numbers": [n.id for n in config.numbers],
        "departments": [(d.tenant, d.id) for d in config.departments],
        "destinations": [d.id for d in config.destinations],
        "rules": [r.id for r in config.rules],
    }
    for table, ids in tables.items():
        seen: set[Any] = set()
        for n, id in enumerate(ids):
            if id in seen:
                yield (table, n, "id"), f"{id!r} stands here for the second time"
            seen.add(id)
