"""What is doubtful about a town that works: what nobody reaches, hours, care, names, addresses."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.check import warnings as doubtful
from cli.check.warnings import find_warnings
from services.config import loader
from tests.support.cli.command_line import TOML
from tests.support.example_town import FOLDER, VALUES

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
SPORT = '[[departments]]\nid = "sport"\ntenant = "almelo"\nname = "Sport"\ndestination = "crm"\n'
SPORT_IS = "department sport of almelo"
UNREACHED = f"{SPORT_IS}: no number, rule, menu or other department leads to it"
MENU = '[[menus]]\nid = "m"\noptions = [{id = "a", title = "Medewerker", department = "sport"}]\n'
RULE = '[[rules]]\nid = "b"\nwords = ["x"]\n'
CARE = '[[care]]\nid = "b"\nkind = "threat"\nwords = ["x"]\n'
WAKES_NOBODY = [f"tenant {id}: its care rules wake nobody" for id in ("almelo", "borne")]
BEFORE = '{phone_number_id = "555555", until = 2026-01-01T00:00:00Z}'
CLOSED = "department kcc of almelo never opens again"
CLOSING = "[[closings]]\nfirst = {}\n"
API = "https://ok.example/klantinteracties/api/v1"
NO_API = "destination crm: its url does not end in /klantinteracties/api/v1"
SECOND = 'name = "Klantcontact"\n'


def almelo(more: str) -> str:
    """The town where this is said of Almelo."""
    return TOML.replace('name = "Gemeente Almelo"\n', f'name = "A"\n{more}\n')


def first(key: str, value: str) -> str:
    """The town with something more in its first department."""
    return TOML.replace(SECOND, f"{SECOND}{key} = {value}\n", 1)


def open_klant(url: str, link: str = "") -> str:
    """The town whose CRM is one."""
    given = f'kind = "openklant"\nurl = "{url}"\nlink = "{link}"\n'
    return re.sub(r'kind = "cloudevents"\nurl = "[^"]*"\n', given, TOML, count=1)


def said(folder: Path, town: str, now: datetime = NOW) -> list[str]:
    file = folder / "postkamer.toml"
    file.write_text(town)
    return [found.what for found in find_warnings(loader.load(file), now)]


@pytest.mark.parametrize(
    ("town", "found"),
    [
        (TOML, []),
        # Departments.
        (TOML + SPORT, [UNREACHED]),
        (TOML + SPORT + RULE + 'department = "sport"\n', []),
        (TOML + SPORT + CARE + 'department = "sport"\n', WAKES_NOBODY[:1]),
        (first("when_closed", '"sport"') + SPORT, []),
        (first("escalate_to", '"sport"') + SPORT, []),
        (
            TOML + SPORT + 'when_closed = "bad"\n' + SPORT.replace("sport", "bad"),
            [UNREACHED, UNREACHED.replace("sport", "bad")],
        ),
        (
            TOML + SPORT + RULE + 'department = "sport"\ntenant = "almelo"\n'
            + SPORT.replace("almelo", "borne"),
            [UNREACHED.replace("almelo", "borne")],
        ),
        # Closings.
        (TOML + CLOSING.format("2026-12-24"), []),
        (TOML + CLOSING.format("2026-11-25"), []),
        (TOML + CLOSING.format("2025-12-24") + CLOSING.format("2027-01-01"), []),
        (
            TOML + CLOSING.format("2025-12-24\nlast = 2025-12-31") + CLOSING.format("2025-12-26"),
            ["all closings are over, the last one was on 2025-12-31"],
        ),
        (
            TOML + CLOSING.format("2026-12-24") + 'departments = ["groen", "grone"]\n',
            ["closing of 2026-12-24: there is no department 'grone'"],
        ),
        (
            TOML + CLOSING.format('2026-12-24\nhours = "09:00-12:00"')
            + CLOSING.format("2026-12-24"),
            ["closing of 2026-12-24 never counts: a later one of the same day says otherwise"],
        ),
        (
            TOML + CLOSING.format('2026-12-24\nlast = 2026-12-26\ndepartments = ["groen"]')
            + CLOSING.format('2026-12-23\nlast = 2026-12-28\nhours = "09:00-12:00"'),
            ["closing of 2026-12-24 never counts: a later one of the same days says otherwise"],
        ),
        # Exceptions, and what is said twice.
        (TOML + 2 * CLOSING.format("2026-12-24"), []),
        (
            TOML + CLOSING.format("2026-12-24\nlast = 2026-12-31")
            + CLOSING.format('2026-12-29\nhours = "09:00-12:00"'),
            [],
        ),
        (
            TOML + CLOSING.format("2026-12-24")
            + CLOSING.format('2026-12-24\nhours = "09:00-12:00"\ndepartments = ["groen"]')
            + CLOSING.format('2026-12-24\nhours = "10:00-12:00"\ntenant = "borne"'),
            [],
        ),
        # Hours.
        (first("hours", '"Mo-Fr 09:00-17:00"'), []),
        (first("hours", '"off"'), [CLOSED]),
        (first("hours", '"2025 Mo-Fr 09:00-17:00"'), [CLOSED]),
        (first("hours", '"2027 Feb 28 10:00-12:00"') + CLOSING.format("2027-02-28"), [CLOSED]),
        # Care, names, addresses.
        (
            almelo('care = {destinations = ["crm"]}') + CARE + 'tenant = "almelo"\n',
            [],
        ),
        (
            almelo('care = {destinations = ["crm"]}') + CARE,
            WAKES_NOBODY[1:],
        ),
        (
            first("confidential", "true"),
            ["department kcc of almelo: confidential, and citizens are told its name"],
        ),
        (first("confidential", 'true\npublic_name = "De gemeente"'), []),
        (TOML.replace("https", "http"), ["destination crm: its url is not https"]),
        (TOML.replace("https://crm.example", "http://[::1]:8090"), []),
        # An Open Klant.
        (open_klant(API), []),
        (open_klant(f"{API}/"), []),
        (open_klant(f"{API}?x=1"), [NO_API]),
        (open_klant("https://ok.example"), [NO_API]),
        (open_klant(API, "https://desk.example/?c={conversation}"), []),
        (
            open_klant(API, "https://desk.example/"),
            ["destination crm: its link leads to no {conversation}"],
        ),
        (
            TOML.replace("fallback", f"previous = [{BEFORE}]\nfallback", 1),
            [
                "number 10000001: it moved; without a portfolio for each of its registrations"
                " nobody can tell a citizen's new BSUID from a telephone number handed out again"
            ],
        ),
        (
            almelo('automatic = ["gesloten", "hoera"]'),
            ["tenant almelo: 'hoera' is no text that goes out by itself"],
        ),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_said_and_nothing_else(
    tmp_path: Path, town: str, found: list[str]
) -> None:
    assert said(tmp_path, town) == found


def test_hours_that_end_are_never_open_again_from_then_on(tmp_path: Path) -> None:
    town = first("hours", '"2027 Mo-Fr 09:00-17:00"')
    assert said(tmp_path, town, NOW) == []
    assert said(tmp_path, town, datetime(2027, 12, 31, 15, tzinfo=UTC)) == []
    assert said(tmp_path, town, datetime(2028, 1, 1, tzinfo=UTC)) != []


TEXTS = 'texts = "texts"\n'
VALUES_OF = "".join(f'{name} = "{value}"\n' for name, value in VALUES.items())
TOWN = TEXTS + TOML.replace(
    'name = "Gemeente Almelo"\n', f'name = "A"\nMENU\n[tenants.values]\n{VALUES_OF}'
).replace('name = "Gemeente Borne"\n', f'name = "B"\n[tenants.values]\n{VALUES_OF}')


@pytest.mark.parametrize(
    ("key", "more", "found"),
    [
        ('menu = "m"', SPORT + MENU, []),
        ("", SPORT + MENU, [UNREACHED, "menu m: nobody asks it"]),
        (
            "",
            SPORT + MENU + '[[rules]]\nid = "b"\nwords = ["x"]\nmenu = "m"\ntenant = "almelo"\n',
            [],
        ),
        (
            'menu = "m"',
            SPORT
            + MENU.replace('department = "sport"', 'menu = "n"')
            + MENU.replace('"m"', '"n"').replace('"Medewerker"', '"Sport"'),
            [],
        ),
    ],
)
def test_menus_are_reached_from_the_town_from_rules_and_from_each_other(
    tmp_path: Path, key: str, more: str, found: list[str]
) -> None:
    (tmp_path / "texts").symlink_to(FOLDER)
    assert said(tmp_path, TOWN.replace("MENU", key) + more) == found


OWN = "text eigen: no rule and no menu sends it"


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("", [OWN]),
        (RULE + 'reply = "eigen"\n', []),
        (CARE + 'reply = "eigen"\n', WAKES_NOBODY),
        (MENU.replace('department = "sport"', 'reply = "eigen"'), ["menu m: nobody asks it"]),
        (SPORT + MENU + 'text = "eigen"\n', [UNREACHED, "menu m: nobody asks it"]),
    ],
)
def test_a_text_of_ones_own_that_nothing_sends_is_told_where_it_stands(
    tmp_path: Path, more: str, found: list[str]
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    nl = (FOLDER / "nl.toml").read_text()
    (texts / "nl.toml").write_text(nl + '\n[eigen]\ntext = "Dank u wel."\n')
    file = tmp_path / "postkamer.toml"
    file.write_text(TOWN.replace("MENU\n", "") + more)
    told = find_warnings(loader.load(file), NOW)
    assert [each.what for each in told] == found
    line = len(nl.splitlines()) + 3
    if found == [OWN]:
        assert doubtful.format_warning(told[0]) == f"{texts / 'nl.toml'}:{line}: {OWN}"


@pytest.mark.slow
def test_nothing_is_doubtful_about_the_example_that_is_shipped() -> None:
    """At a given moment: its closing days will be over one day."""
    assert find_warnings(loader.load(FOLDER.parent / "postkamer.toml"), NOW) == []
