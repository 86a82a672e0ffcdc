"""Identity providers and grants: every fault with its line."""

from pathlib import Path

import pytest

from services.config import loader
from services.config.model import ConfigError, parse
from tests.support.cli.command_line import TOML

PROVIDER = """
[[identity_providers]]
id = "entra"
tenant = "almelo"
issuer = "https://idp.example"
audience = "postkamer"
keys_url = "https://idp.example/keys"
"""
GRANT = """
[[identity_grants]]
provider = "entra"
value = "balie"
roles = ["send"]
"""
DEPARTMENTS = GRANT.replace('roles = ["send"]', 'departments = ["burgerzaken"]')

OWNER = GRANT.replace('roles = ["send"]', 'destinations = ["crm"]')


def test_claim_is_given_by_its_name_or_by_the_names_on_its_way() -> None:
    for given, path in (('"groups"', ("groups",)), ('["realm_access", "roles"]', None)):
        [provider] = parse(f"{TOML}{PROVIDER}groups_claim = {given}\n", "p.toml").identity_providers
        assert provider.groups_claim == (path or ("realm_access", "roles"))


@pytest.mark.parametrize(
    ("tables", "where", "words"),
    [
        (PROVIDER + 'keys_file = "/k.json"\n', "", "Either a keys_url or a keys_file"),
        (PROVIDER.replace("https://idp.example/keys", ""), "", "Either a keys_url"),
        (PROVIDER.replace("https://idp.example/keys", "http://idp/keys"), "keys_url", "by https"),
        (PROVIDER + 'algorithms = ["HS256"]\n', "algorithms.0", "'RS256'"),
        (PROVIDER + 'algorithms = ["none"]\n', "algorithms.0", "'RS256'"),
        (PROVIDER + "algorithms = []\n", "algorithms", "is empty"),
        (PROVIDER + "leeway_seconds = 121\n", "leeway_seconds", "120"),
        (PROVIDER.replace('"almelo"', '"nergens"'), "tenant", "no tenant 'nergens'"),
        (PROVIDER + PROVIDER, "id", "for the second time"),
        (PROVIDER + PROVIDER.replace("entra", "two"), "issuer", "'entra' has this issuer"),
        (PROVIDER + GRANT.replace("entra", "entre"), "provider", "did you mean 'entra'?"),
        (PROVIDER + DEPARTMENTS.replace("burgerzaken", "zorg"), "departments", "no department"),
        (PROVIDER + GRANT + "all_departments = true\n", "", "added up apart"),
        (PROVIDER + GRANT.replace('roles = ["send"]', ""), "", "added up apart"),
        (
            PROVIDER + DEPARTMENTS.replace("burgerzaken", "kcc") + "confidential = true\n",
            "",
            "goes with all_departments",
        ),
        (PROVIDER + GRANT.replace("send", "boss"), "roles.0", "'send'"),
        (PROVIDER + GRANT + 'destinations = ["crm"]\n', "", "added up apart"),
        (
            PROVIDER + DEPARTMENTS.replace("burgerzaken", "kcc") + 'destinations = ["crm"]\n',
            "",
            "added up apart",
        ),
        (PROVIDER + OWNER.replace("crm", "crn"), "destinations", "did you mean 'crm'?"),
    ],
)
def test_fault_of_a_provider_or_grant_is_found(tables: str, where: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(TOML + tables, "p.toml")
    [fault] = raised.value.faults
    assert fault.where.partition(".")[2].partition(".")[2] == where, fault
    assert words in fault.what


@pytest.mark.parametrize("table", [PROVIDER, GRANT])
def test_file_of_rules_cannot_give_rights(tmp_path: Path, table: str) -> None:
    first, rules = tmp_path / "postkamer.toml", tmp_path / "rules.toml"
    first.write_text(f'include = ["rules.toml"]\n{TOML}{PROVIDER if table == GRANT else ""}')
    rules.write_text(table)
    with pytest.raises(ConfigError) as raised:
        loader.load(first)
    [fault] = raised.value.faults
    assert (Path(fault.path).name, fault.line) == ("rules.toml", 2)
    assert "belongs in postkamer.toml" in fault.what
