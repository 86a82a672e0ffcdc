"""Settings of routing: the page has each with its default, the example has each in Dutch."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cli.support.configuration import EXAMPLE
from services.calendar.opening_hours import Closing
from services.config import loader
from services.config.handover import Handover
from services.config.identity import IdentityGrant, IdentityProvider
from services.config.organisation import (
    CloudEventsDestination,
    Department,
    MailDestination,
    OAuth,
    OpenKlantDestination,
    Privacy,
    Retention,
    SafetyAlert,
    SignalenDestination,
    TaggedContacts,
    Tenant,
)
from services.config.pricing import Rate
from services.config.publication import Algorithm, OpenData
from services.config.routing_rules import Condition, Group, Menu, Option, Rule, RuleTest, SafetyRule
from services.config.terms import Terms

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "municipality" / "settings.md").read_text()
DESTINATIONS = (
    SignalenDestination,  # first: the page has the defaults of the others
    CloudEventsDestination,
    OpenKlantDestination,
    MailDestination,
)
TABLES: dict[str, type[BaseModel] | tuple[type[BaseModel], ...]] = {
    "`[terms]`": Terms,
    "`[[tenants]]`": Tenant,
    "`[tenants.care]`": SafetyAlert,
    "`[tenants.privacy]`": Privacy,
    "`[tenants.retention]`": Retention,
    "`[[tenants.handover]]`": Handover,
    "`[tenants.open_data]`": OpenData,
    "`[tenants.algorithm]`": Algorithm,
    "`[[departments]]`": Department,
    "`[[destinations]]`": DESTINATIONS,
    "`[destinations.oauth]`": OAuth,
    "`[[contacts]]`": TaggedContacts,
    "`[[groups]]`": Group,
    "Conditions of `[[rules]]` and `[[care]]`": Condition,
    "`[[rules]]`": Rule,
    "`[[care]]`": SafetyRule,
    "`[[menus]]`": Menu,
    "`[[menus.options]]`": Option,
    "`[[closings]]`": Closing,
    "`[[tests]]`": RuleTest,
    "`[[rates]]`": Rate,
    "`[[identity_providers]]`": IdentityProvider,
    "`[[identity_grants]]`": IdentityGrant,
}
UNITS = ("seconds", "minutes", "days")
OFF = re.compile(
    r'^# {1,3}(?=\[\[\w+(?:\.\w+)?\]\]|\[\w+(?:\.\w+)?\]|\w+ = |    "|\]$)', re.MULTILINE
)
"""Comment marks before settings of the example that are not used."""


def fields(model: type[BaseModel] | tuple[type[BaseModel], ...]) -> dict[str, FieldInfo]:
    """Own fields by the name in the file; of several kinds together."""
    if isinstance(model, tuple):
        return {name: field for each in model for name, field in fields(each).items()}
    shared = Condition.model_fields if issubclass(model, Rule | SafetyRule) else {}
    own = {n: f for n, f in model.model_fields.items() if n not in shared}
    return {f.alias or n: f for n, f in own.items()}


def table(heading: str) -> dict[str, tuple[str, str]]:
    """Setting -> its default and what it is, from the table under this heading."""
    text = PAGE.split(f"\n## {heading}\n")[1].partition("\n#")[0]
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    return {
        name: (default, what) for names, default, what in rows for name in re.findall(r"\w+", names)
    }


def default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required():
        return "must be given"
    if isinstance(value, BaseModel) or value in ("", (), {}, None):
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value)
    return f"`{value}`" if isinstance(value, str) else str(value).lower()


def bounds(field: FieldInfo) -> str:
    found = {type(each).__name__: each for each in field.metadata}
    if "Ge" not in found or "Le" not in found:
        return ""
    return f"{found['Ge'].ge} to {found['Le'].le}"


@pytest.mark.parametrize("heading", TABLES)
def test_settings_page_has_every_setting_with_its_default_and_bounds(heading: str) -> None:
    rows, known = table(heading), fields(TABLES[heading])
    assert rows.keys() == known.keys()
    for name, field in known.items():
        assert rows[name][0] == default(field), name
        assert bounds(field) in rows[name][1], name
        unit = name.rpartition("_")[2]
        assert unit not in UNITS or unit in rows[name][1], name


def files(folder: Path) -> Iterator[Path]:
    yield from (folder / "postkamer.toml", folder / "destinations.toml")
    yield from sorted((folder / "rules").glob("*.toml"))


def test_example_has_every_setting() -> None:
    text = "\n".join(file.read_text() for file in files(EXAMPLE.parent))
    written = set(re.findall(r"^(?:# {1,3})?(\w+) = ", text, re.MULTILINE))
    written |= set(re.findall(r"[{,\[] ?(\w+) = ", text))
    tables = set(re.findall(r"^(?:# {1,3})?\[+(?:\w+\.)?(\w+)\]", text, re.MULTILINE))
    known = {name for model in TABLES.values() for name in fields(model)}
    assert known - written - tables == set()


def test_settings_on_the_page_about_podiumd_are_valid() -> None:
    page = (ROOT / "docs" / "integrators" / "podiumd.md").read_text()
    [text] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    shown = tomllib.loads(text)
    assert [OpenKlantDestination.model_validate(each) for each in shown["destinations"]]
    assert [Department.model_validate(each) for each in shown["departments"]]


@pytest.mark.slow
def test_commented_settings_of_the_example_are_valid(tmp_path: Path) -> None:
    copied = copytree(EXAMPLE.parent, tmp_path / "town")
    on = 0
    for file in files(copied):
        text, count = OFF.subn("", file.read_text())
        file.write_text(text)
        on += count
    found = loader.load(copied / EXAMPLE.name)
    assert on > 40
    assert {"laadpaal", "voorbeeld-eerst-kijken"} <= {rule.id for rule in found.config.rules}
    assert found.config.tenants[0].wait_minutes == 120
    assert [each.to for each in found.config.tenants[0].handover] == ["documenten-api", "objects"]
