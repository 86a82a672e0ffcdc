"""Portfolios in the configuration: named for all numbers of a municipality, or for none."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.check.check import check

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
TOML = """
tenants = [{id = "almelo", name = "Almelo"}, {id = "borne", name = "Borne"}]
departments = [
    {id = "kcc", tenant = "almelo", name = "KCC", destination = "crm"},
    {id = "kcc", tenant = "borne", name = "KCC", destination = "crm"},
]
destinations = [{id = "crm", kind = "cloudevents", url = "https://crm.example/"}]
"""


def number(id: str, portfolio: str = "", tenant: str = "almelo") -> str:
    named = f'portfolio = "{portfolio}"\n' if portfolio else ""
    return f'[[numbers]]\nid = "{id}"\ntenant = "{tenant}"\nfallback = "kcc"\n{named}'


@pytest.mark.parametrize(
    ("numbers", "unnamed"),
    [
        ((number("10001"), number("10002")), ""),
        ((number("10001", "one"), number("10002", "two")), ""),
        ((number("10001", "one"), number("10002"), number("10003")), "10002, 10003"),
        ((number("10001", "one"), number("10002", "one")), ""),
    ],
)
def test_numbers_without_a_portfolio_beside_others_with_one_are_doubtful(
    tmp_path: Path, numbers: tuple[str, ...], unnamed: str
) -> None:
    file = tmp_path / "postkamer.toml"
    theirs = number("20001", tenant="borne")
    file.write_text(TOML + "".join(numbers) + theirs)
    found = check(file, {}, NOW, settings_too=False)
    expected = (
        f"{file}:2: tenant almelo: {unnamed} name no portfolio while others do, so nobody can tell"
        " whether a citizen's BSUID of the one holds at the other"
    )
    assert (found.faults, found.warnings) == ([], [expected] if unnamed else [])
