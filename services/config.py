"""What a municipality decides: `postkamer.toml`, typed, with every fault at once and its line."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from services.contradictions import Location, contradictions
from services.numbers import Number, Table

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


class Tenant(Table):
    id: str = Id
    name: str = Field(min_length=1, max_length=200)
    disclosure: str = Field(
        default="Dit antwoord is automatisch gemaakt.", min_length=1, max_length=200
    )
    """Under what a machine wrote: article 50 of the AI Act asks that the citizen is told."""


class Department(Table):
    id: str = Id
    tenant: str
    name: str = Field(min_length=1, max_length=200)
    destination: str
    hours: str = ""


class Destination(Table):
    id: str = Id
    kind: Literal["cloudevents"]
    url: str = Field(pattern=r"^https?://[^\s]+$")
    secret: Annotated[str, AfterValidator(_with_a_name)] = ""
    """`env:NAME`; a Standard Webhooks secret (`whsec_` and base64, or plain text)."""
    window: int = Field(default=64, ge=1, le=512)
    """Deliveries in flight."""


class Rule(Table):
    id: str = Id
    words: tuple[Annotated[str, AfterValidator(_with_a_word)], ...] = Field(
        min_length=1, max_length=5000
    )
    department: str
    tenant: str = ""
    """Only for this municipality; without it, for each that has the department."""


NOBODY = "none"
"""The id of no number."""


class Config(Table):
    partitions: int = Field(default=2, ge=1, le=64)
    """Doubling costs about a tenth of the throughput; changing takes empty queues."""
    tenants: tuple[Tenant, ...] = Field(min_length=1)
    numbers: tuple[Number, ...] = Field(min_length=1)
    departments: tuple[Department, ...] = Field(min_length=1)
    destinations: tuple[Destination, ...] = Field(min_length=1)
    rules: tuple[Rule, ...] = ()

    @cached_property
    def _numbers(self) -> dict[str, Number]:
        return {number.id: number for number in self.numbers}

    @cached_property
    def _known_as(self) -> dict[str, str]:
        ids = {n.id: NOBODY for n in self.numbers}
        return ids | {n.known_as(r): n.id for n in self.numbers for r in n.registrations}

    @cached_property
    def _departments(self) -> dict[tuple[str, str], Department]:
        return {(d.tenant, d.id): d for d in self.departments}

    def number(self, number: str) -> Number | None:
        """By our own id."""
        return self._numbers.get(number)

    def ours(self, phone_number_id: str) -> str:
        """Our id of the number that Meta knows, or knew, so; the same where it is none of ours. An
        id that is ours alone, and never was Meta's, is nobody's: it opens no way around proofs."""
        return self._known_as.get(phone_number_id, phone_number_id)

    def tenant(self, tenant: str) -> Tenant | None:
        return next((t for t in self.tenants if t.id == tenant), None)

    def department(self, tenant: str, department: str) -> Department | None:
        return self._departments.get((tenant, department))


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
    faults = [_fault(text, where, what) for where, what in contradictions(given)]
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
