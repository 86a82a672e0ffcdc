"""What a municipality decides: `postkamer.toml`, typed, with every fault at once and its line."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

Id = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
"""Ids become queue names and metric labels, so they are short and plain."""


def _with_a_word(phrase: str) -> str:
    """As texts are read: a sign such as a bold letter is decomposed before it is folded."""
    folded = unicodedata.normalize("NFKD", phrase).casefold()
    if not re.search(r"[^\W_]", unicodedata.normalize("NFKD", folded)):
        raise PydanticCustomError("no_word", "There is no word in it, so it never matches")
    return phrase


def _with_a_name(secret: str) -> str:
    if secret == "env:":
        raise PydanticCustomError("no_name", "The name of a variable should follow env:")
    return secret


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
    secret: Annotated[str, AfterValidator(_with_a_name)] = ""
    """`env:NAME`; a Standard Webhooks secret (`whsec_` and base64, or plain text)."""
    window: int = Field(default=64, ge=1, le=512)
    """Deliveries in flight."""


class Rule(_Table):
    id: str = Id
    words: tuple[Annotated[str, AfterValidator(_with_a_word)], ...] = Field(
        min_length=1, max_length=5000
    )
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
    """Everything that is wrong with one configuration file; `destinations` is what can be read of
    these all the same: their ids and secrets."""

    def __init__(
        self, path: str, faults: list[Fault], destinations: tuple[Destination, ...] = ()
    ) -> None:
        self.path, self.faults, self.destinations = path, sorted(faults), destinations
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
    faults = [_fault(text, where, what) for where, what in _contradictions(given)]
    try:
        config = Config.model_validate(given)
    except ValidationError as error:
        faults += _shape_faults(text, error)
    if faults:
        raise ConfigError(path, faults, tuple(_destinations(given.get("destinations"))))
    return config


def _destinations(table: Any) -> Iterator[Destination]:
    asked = {"kind": "cloudevents", "url": "https://not.asked"}
    for entry in table if isinstance(table, list) else []:
        if isinstance(entry, dict):
            with suppress(ValidationError):  # a fault that is told already
                kept = {key: entry[key] for key in ("id", "secret") if key in entry}
                yield Destination.model_validate(kept | asked)


Location = tuple[int | str, ...]
TABLES = {
    "tenants": ("id",),
    "numbers": ("id",),
    "departments": ("tenant", "id"),
    "destinations": ("id",),
    "rules": ("id",),
}
"""Table -> what tells its entries apart."""


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


Row = dict[str, str | None]
"""What can be read of an entry; None, for what is missing or no text, could be anything."""
UNREAD: Row = dict.fromkeys(("id", "tenant", "destination", "department", "fallback"))


def _contradictions(given: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    """References that lead nowhere, and ids given twice, in whatever can be read of the file."""
    rows = {table: _rows(given.get(table)) for table in TABLES}
    yield from _number_faults(rows)
    yield from _department_faults(rows)
    yield from _rule_faults(rows)
    yield from _repeats(rows)


def _rows(table: Any) -> list[Row]:
    """A table that is no table, or an empty one, is a fault itself: it could hold anything."""
    entries = table if isinstance(table, list) and table else [None]
    return [_row(entry) if isinstance(entry, dict) else UNREAD for entry in entries]


def _row(entry: Mapping[str, Any]) -> Row:
    return {key: _text(entry, key) for key in UNREAD}


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value.strip() if isinstance(value, str) else None


def _none_has(rows: list[Row], **wanted: str | None) -> bool:
    """Whether there is surely no row with these values."""
    return not any(
        all(None in (row[key], value) or row[key] == value for key, value in wanted.items())
        for row in rows
    )


def _number_faults(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, number in enumerate(rows["numbers"]):
        tenant, fallback = number["tenant"], number["fallback"]
        if _none_has(rows["tenants"], id=tenant):
            yield ("numbers", n, "tenant"), f"there is no tenant {tenant!r}"
        elif fallback is not None and _none_has(rows["departments"], tenant=tenant, id=fallback):
            whose = f"{tenant!r} has" if tenant is not None else "there is"
            yield ("numbers", n, "fallback"), f"{whose} no department {fallback!r}"


def _department_faults(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, department in enumerate(rows["departments"]):
        tenant, destination = department["tenant"], department["destination"]
        if _none_has(rows["tenants"], id=tenant):
            yield ("departments", n, "tenant"), f"there is no tenant {tenant!r}"
        if _none_has(rows["destinations"], id=destination):
            yield ("departments", n, "destination"), f"there is no destination {destination!r}"


def _rule_faults(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, rule in enumerate(rows["rules"]):
        tenant, department = rule["tenant"] or None, rule["department"]
        if _none_has(rows["tenants"], id=tenant):
            yield ("rules", n, "tenant"), f"there is no tenant {tenant!r}"
        elif department is not None and _none_has(
            rows["departments"], tenant=tenant, id=department
        ):
            yield ("rules", n, "department"), f"there is no department {department!r}"


def _repeats(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for table, key in TABLES.items():
        seen: set[tuple[str | None, ...]] = set()
        for n, row in enumerate(rows[table]):
            id = tuple(row[part] for part in key)
            if id in seen:
                yield (table, n, "id"), f"{row['id']!r} stands here for the second time"
            if None not in id:
                seen.add(id)
