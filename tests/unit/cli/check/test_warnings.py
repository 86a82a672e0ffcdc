"""Warnings about a valid configuration: unreachable parts, hours, alarms, names, addresses."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.check.warnings import LOCKED_IN, find_warnings, format_warning
from services.config import loader
from services.config.loader import LoadedConfig
from services.config.model import ConfigError
from tests.support.cli.command_line import TOML, TWO_ACTORS
from tests.support.cli.rule_texts import cases, fields_toml, rules_toml
from tests.support.example_town import FOLDER, VALUES

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
SPORT = "department sport: tenant = almelo; name = Sport; destination = crm"
UNREACHED = "department sport of almelo: no number, rule, menu or other department leads to it"
MENU = 'menu m: options = [{id = "a", title = "Medewerker", department = "sport"}]'
ALARMS = "tenant almelo: its care rules wake nobody\n    tenant borne: its care rules wake nobody"
ADDED = f"""
{SPORT}
    {UNREACHED}
{SPORT} | b: words = x; department = sport
{SPORT} | care b: kind = threat; words = x; department = sport
    tenant almelo: its care rules wake nobody
{SPORT}; when_closed = bad
| {SPORT.replace("sport", "bad")}
    {UNREACHED}
    {UNREACHED.replace("sport", "bad")}
{SPORT} | b: words = x; department = sport; tenant = almelo
| {SPORT.replace("almelo", "borne")}
    {UNREACHED.replace("almelo", "borne")}
# Closings: over, of an unknown department, overruled.
closing 2026-12-24
closing 2026-11-25
closing 2025-12-24 | closing 2027-01-01
closing 2025-12-24: last = 2025-12-31 | closing 2025-12-26
    all closings are over, the last one was on 2025-12-31
closing 2026-12-24: departments = groen, grone
    closing of 2026-12-24: there is no department 'grone'
closing 2026-12-24: hours = 09:00-12:00 | closing 2026-12-24
    closing of 2026-12-24 never counts: a later one of the same day says otherwise
closing 2026-12-24: last = 2026-12-26; departments = groen
| closing 2026-12-23: last = 2026-12-28; hours = 09:00-12:00
    closing of 2026-12-24 never counts: a later one of the same days says otherwise
# Exceptions to a closing, and the same closing twice.
closing 2026-12-24 | closing 2026-12-24
closing 2026-12-24: last = 2026-12-31 | closing 2026-12-29: hours = 09:00-12:00
closing 2026-12-24 | closing 2026-12-24: hours = 09:00-12:00; departments = groen
| closing 2026-12-24: hours = 10:00-12:00; tenant = borne
"""
IN_DEPARTMENT = f"""
when_closed = sport | {SPORT}
escalate_to = sport | {SPORT}
hours = Mo-Fr 09:00-17:00
hours = off
    department kcc of almelo never opens again
hours = 2025 Mo-Fr 09:00-17:00
    department kcc of almelo never opens again
hours = 2027 Feb 28 10:00-12:00 | closing 2027-02-28
    department kcc of almelo never opens again
confidential = true
    department kcc of almelo: confidential, and citizens are told its name
confidential = true; public_name = De gemeente
instead_of = sport | b: words = x; department = sport
instead_of = sport, ruimte | closing 2026-12-24: departments = sport
    department kcc of almelo: no rule, menu or closing names 'ruimte'
instead_of = ["sprot"] | b: words = x; department = sport; tenant = borne
| {SPORT.replace("almelo", "borne")}
    department kcc of almelo: no rule, menu or closing names 'sprot'
"""
IN_TENANT = """
care = {destinations = ["crm"]} | care b: kind = threat; words = x; tenant = almelo
care = {destinations = ["crm"]} | care b: kind = threat; words = x
    tenant borne: its care rules wake nobody
automatic = ["gesloten", "hoera"]
    tenant almelo: 'hoera' is no text that goes out by itself
"""
API = "https://ok.example/klantinteracties/api/v1"
NO_API = ["destination crm: its url does not end in /klantinteracties/api/v1"]

CRM = 'kind = "cloudevents"\nurl = "https://crm.example/events"\n'
JEUGD = """\
id = "jeugd"
tenant = "almelo"
name = "Jeugd"
public_name = "de gemeente"
confidential = true
destination = "crm"
"""


def open_klant(own: str = "", more: str = "") -> str:
    """The town whose destination is an Open Klant with these settings, and more entries."""
    return TWO_ACTORS.replace(CRM, f'kind = "openklant"\nurl = "{API}"\n{own}') + more


def load(folder: Path, town: str) -> LoadedConfig:
    file = folder / "postkamer.toml"
    file.write_text(town)
    return loader.load(file)


def warnings(folder: Path, town: str, now: datetime = NOW) -> list[str]:
    return [warning.what for warning in find_warnings(load(folder, town), now)]


def insert(text: str, after: str) -> str:
    """Return the town with the first part of a case after this line, and the others at the end."""
    fields, _, added = text.partition(" | ")
    return TOML.replace(f"{after}\n", f"{after}\n{fields_toml(fields)}", 1) + rules_toml(added)


@pytest.mark.parametrize(("added", "found"), [("", []), *cases(ADDED)])
def test_added_departments_and_closings(tmp_path: Path, added: str, found: list[str]) -> None:
    assert warnings(tmp_path, TOML + rules_toml(added)) == found


@pytest.mark.parametrize(("fields", "found"), cases(IN_DEPARTMENT))
def test_fields_of_a_department(tmp_path: Path, fields: str, found: list[str]) -> None:
    assert warnings(tmp_path, insert(fields, 'name = "Klantcontact"')) == found


@pytest.mark.parametrize(("fields", "found"), cases(IN_TENANT))
def test_fields_of_a_municipality(tmp_path: Path, fields: str, found: list[str]) -> None:
    assert warnings(tmp_path, insert(fields, 'name = "Gemeente Almelo"')) == found


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (("cloudevents", "http://crm.example"), ["destination crm: its url is not https"]),
        (("cloudevents", "http://[::1]:8090"), []),
        (("openklant", API), []),
        (("openklant", f"{API}/"), []),
        (("openklant", f"{API}?x=1"), NO_API),
        (("openklant", "https://ok.example"), NO_API),
        (("openklant", API, "https://desk.example/?c={conversation}"), []),
        (
            ("openklant", API, "https://desk.example/"),
            ["destination crm: its link leads to no {conversation}"],
        ),
    ],
)
def test_address_of_a_destination(
    tmp_path: Path, fields: tuple[str, ...], found: list[str]
) -> None:
    given = "".join(f'{k} = "{v}"\n' for k, v in zip(("kind", "url", "link"), fields, strict=False))
    town = TWO_ACTORS.replace(CRM, given)
    assert warnings(tmp_path, town) == found


def test_open_klant_is_asked_at_the_roots_of_its_apis(tmp_path: Path) -> None:
    own = 'objects_secret = "env:OBJECTS_TOKEN"\ncases_url = "{}"\nobjects_url = "{}"\n'
    wrong = own.format("https://zaken.example", "http://objecten.example/api")
    assert warnings(tmp_path, open_klant(wrong)) == [
        "destination crm: its cases_url does not end in /zaken/api/v1",
        "destination crm: its objects_url does not end in /api/v2",
        "destination crm: its objects_url is not https",
    ]
    right = own.format("http://zaken.example/zaken/api/v1/", "https://objecten.example/api/v2")
    assert warnings(tmp_path, open_klant(right)) == []


@pytest.mark.parametrize(
    ("url", "token_url", "link", "found"),
    [
        ("https://s.example/signals/v1", "https://id.example", "https://d.example/{conversation}",
            []),
        ("https://s.example/api", "http://id.example", "https://d.example/", [
            "destination crm: its link leads to no {conversation}",
            "destination crm: its token_url is not https",
            "destination crm: its url does not end in /signals/v1",
        ]),
    ],
)  # fmt: skip
def test_addresses_of_a_signalen(
    tmp_path: Path, url: str, token_url: str, link: str, found: list[str]
) -> None:
    own = (
        f'kind = "signalen"\nurl = "{url}"\nlink = "{link}"\narchive_secret = "env:ARCHIVE"\n'
        "default_place = {latitude = 52.35, longitude = 6.66}\n"
        f'oauth = {{token_url = "{token_url}", client_id = "p", client_secret = "env:SIGNALEN"}}\n'
    )
    town = TWO_ACTORS.replace(CRM + 'secret = "env:CRM_SECRET"\n', own)
    assert sorted(warnings(tmp_path, town)) == found


def test_answers_of_confidential_departments_can_be_read_in_open_klant(tmp_path: Path) -> None:
    jeugd = f"\n[[departments]]\n{JEUGD}" + rules_toml("b: words = x; department = jeugd")
    answers = 'answer_channel = "WhatsApp versturen"\n'
    assert warnings(tmp_path, open_klant(answers, jeugd)) == [
        "destination crm: although confidential, registered answers of jeugd can be read in Open"
        " Klant"
    ]
    assert warnings(tmp_path, open_klant("", jeugd)) == []
    assert warnings(tmp_path, open_klant(answers)) == []
    [warning] = warnings(tmp_path, open_klant(answers + "confidential = true\n"))
    assert "registered answers of kcc, groen, kcc can" in warning


@pytest.mark.parametrize(
    ("own", "is_shared"),
    [
        ('register_id = "kcc"\n', True),
        ('register_id = "kcc"\nregister_kind = "groep"\n', False),
        ('register_id = "KCC"\n', False),
        ("", False),
    ],
)
def test_two_departments_of_one_open_klant_have_their_own_register_id(
    tmp_path: Path, own: str, *, is_shared: bool
) -> None:
    added = f"\n[[departments]]\n{JEUGD}{own}" + rules_toml("b: words = x; department = jeugd")
    assert (
        warnings(tmp_path, open_klant(more=added))
        == [
            "department jeugd of almelo: has the register_id and register_kind of department kcc of"
            " almelo, so in Open Klant and ITA they are one"
        ]
        * is_shared
    )
    assert warnings(tmp_path, TOML + added) == []  # a CRM knows the municipality too


def test_number_that_begins_on_trial_is_named_with_the_command_that_ends_it(tmp_path: Path) -> None:
    assert warnings(tmp_path, TOML.replace("fallback", "trial = true\nfallback", 1)) == [
        "number 10000001: begins on trial and sends only to its guest list, until"
        " `postkamer number live 10000001`"
    ]


def test_moved_number_needs_a_portfolio_for_each_registration(tmp_path: Path) -> None:
    before = '{phone_number_id = "555555", until = 2026-01-01T00:00:00Z}'
    assert warnings(tmp_path, TOML.replace("fallback", f"previous = [{before}]\nfallback", 1)) == [
        "number 10000001: it moved; without a portfolio for each of its registrations"
        " nobody can tell a citizen's new BSUID from a telephone number handed out again"
    ]


@pytest.mark.parametrize(
    ("portfolios", "unnamed"),
    [
        (("", ""), ""),
        (("one", "two"), ""),
        (("one", "one"), ""),
        (("one", "", ""), "30002, 30003"),
    ],
)
def test_portfolio_is_named_for_all_numbers_of_a_municipality_or_for_none(
    tmp_path: Path, portfolios: tuple[str, ...], unnamed: str
) -> None:
    numbers = "".join(
        f'[[numbers]]\nid = "3000{n}"\ntenant = "almelo"\nfallback = "kcc"\n'
        + (f'portfolio = "{portfolio}"\n' if portfolio else "")
        for n, portfolio in enumerate(portfolios, 1)
    )
    first = TOML.index("[[numbers]]")
    town = TOML[:first] + numbers + TOML[TOML.index("[[numbers]]", first + 1) :]
    sentence = (
        f"tenant almelo: {unnamed} name no portfolio while others do, so nobody can tell"
        " whether a citizen's BSUID of the one holds at the other"
    )
    assert warnings(tmp_path, town) == ([sentence] if unnamed else [])


def test_hours_that_end_give_a_warning_from_then_on(tmp_path: Path) -> None:
    town = insert("hours = 2027 Mo-Fr 09:00-17:00", 'name = "Klantcontact"')
    assert warnings(tmp_path, town, datetime(2027, 12, 31, 15, tzinfo=UTC)) == []
    assert warnings(tmp_path, town, datetime(2028, 1, 1, tzinfo=UTC)) != []


VALUES_OF = "".join(f'{name} = "{value}"\n' for name, value in VALUES.items())
TOWN = 'texts = "texts"\n' + TOML.replace(
    'name = "Gemeente Almelo"\n', f'name = "A"\nMENU\n[tenants.values]\n{VALUES_OF}'
).replace('name = "Gemeente Borne"\n', f'name = "B"\n[tenants.values]\n{VALUES_OF}')
TWO = MENU.replace('department = "sport"', 'menu = "n"')
TWO += " | " + MENU.replace("menu m", "menu n").replace("Medewerker", "Sport")


@pytest.mark.parametrize(
    ("key", "added", "found"),
    [
        ('menu = "m"', f"{SPORT} | {MENU}", []),
        ("", f"{SPORT} | {MENU}", [UNREACHED, "menu m: nobody asks it"]),
        ("", f"{SPORT} | {MENU} | b: words = x; menu = m; tenant = almelo", []),
        ('menu = "m"', f"{SPORT} | {TWO}", []),
    ],
)
def test_menu_is_reached_from_a_municipality_a_rule_or_a_menu(
    tmp_path: Path, key: str, added: str, found: list[str]
) -> None:
    shutil.copytree(FOLDER, tmp_path / "texts")
    assert warnings(tmp_path, TOWN.replace("MENU", key) + rules_toml(added)) == found


OWN = "text eigen: no rule and no menu sends it"


@pytest.mark.parametrize(
    ("added", "found"),
    cases(f"""
b: words = x; reply = eigen
care b: kind = threat; words = x; reply = eigen
    {ALARMS}
{MENU.replace('department = "sport"', 'reply = "eigen"')}
    menu m: nobody asks it
{SPORT} | {MENU}; text = eigen
    {UNREACHED}
    menu m: nobody asks it
"""),
)
def test_text_is_sent_by_a_rule_or_a_menu(tmp_path: Path, added: str, found: list[str]) -> None:
    write_own_text(tmp_path)
    assert warnings(tmp_path, TOWN.replace("MENU\n", "") + rules_toml(added)) == found


def test_text_that_nothing_sends_is_named_with_its_line(tmp_path: Path) -> None:
    line = write_own_text(tmp_path)
    [warning] = find_warnings(load(tmp_path, TOWN.replace("MENU\n", "")), NOW)
    assert format_warning(warning) == f"{tmp_path / 'texts/nl.toml'}:{line}: {OWN}"


@pytest.mark.parametrize("setting", ["first_text", "reply"])
def test_first_text_of_a_rule_is_as_short_as_that_of_all(tmp_path: Path, setting: str) -> None:
    write_own_text(tmp_path, "Dag. Wij lezen dit. Tot ziens.")
    town = TOWN.replace("MENU\n", "") + rules_toml(f"b: words = x; {setting} = eigen")
    found = [each for each in load(tmp_path, town).warnings if "has 3 sentences" in each]
    assert len(found) == (2 if setting == "first_text" else 0), found  # one at each municipality


def test_first_text_of_a_rule_must_fit_in_front_of_a_menu(tmp_path: Path) -> None:
    write_own_text(tmp_path, "Dag. " * 200)
    town = TOWN.replace("MENU\n", "") + rules_toml("b: words = x; first_text = eigen")
    with pytest.raises(ConfigError, match=r"eigen\.text: with keuze behind it, it has \d+ char"):
        load(tmp_path, town)


def write_own_text(folder: Path, text: str = "Dank u wel.") -> int:
    """Add a text to those of the example, and return its line."""
    (folder / "texts").mkdir()
    texts = (FOLDER / "nl.toml").read_text()
    (folder / "texts/nl.toml").write_text(f'{texts}\n[eigen]\ntext = "{text}"\n')
    return len(texts.splitlines()) + 3


PROVIDER = """
[[identity_providers]]
id = "entra"
tenant = "almelo"
issuer = "https://idp.example"
audience = "postkamer"
keys_url = "https://idp.example/keys"
"""


@pytest.mark.parametrize(
    ("setting", "added", "found"),
    [
        ("second_person = true\n", "", [LOCKED_IN]),
        ("second_person = true\n", PROVIDER, []),
        ("second_person = false\n", "", []),
    ],
)
def test_second_person_that_nobody_can_prove_to_be_is_reported(
    tmp_path: Path, setting: str, added: str, found: list[str]
) -> None:
    assert warnings(tmp_path, setting + TOML + added) == found


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:8090/identity", "https://idp.example"])
def test_identity_provider_of_the_sandbox_is_named_in_production(
    tmp_path: Path, issuer: str
) -> None:
    table = f'''
[[identity_providers]]
id = "sandbox"
tenant = "almelo"
issuer = "{issuer}"
audience = "postkamer"
keys_url = "http://127.0.0.1:8090/identity/keys"
'''
    named = "identity provider sandbox: its issuer is not https; the sandbox's proves nobody"
    production = 'environment = "production"\n' + TOML + table
    found = [each for each in warnings(tmp_path, production) if "identity provider" in each]
    assert found == ([named] if issuer.startswith("http:") else [])
    assert not [each for each in warnings(tmp_path, TOML + table) if "identity provider" in each]


@pytest.mark.slow
def test_shipped_example_has_no_warnings() -> None:
    """The moment is fixed, as the example's closing days will be over one day."""
    assert find_warnings(loader.load(FOLDER.parent / "postkamer.toml"), NOW) == []
