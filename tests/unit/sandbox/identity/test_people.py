"""The people of the sandbox, and the groups of the shipped example."""

import tomllib
from pathlib import Path

from sandbox.identity.people import PEOPLE
from sandbox.settings import SandboxSettings

EXAMPLE = Path(__file__).parents[4] / "deploy" / "examples" / "voorbeeldstad" / "postkamer.toml"
TABLES = tomllib.loads(EXAMPLE.read_text())


def test_example_says_of_each_group_what_it_may_do_and_of_no_other() -> None:
    groups = {group for person in PEOPLE.values() for group in person.groups}
    granted = [each["value"] for each in TABLES["identity_grants"]]
    assert sorted(granted) == sorted(groups)


def test_example_names_the_provider_at_the_port_of_the_sandbox() -> None:
    [provider] = TABLES["identity_providers"]
    assert provider["issuer"] == f"http://127.0.0.1:{SandboxSettings().port}/identity"
    assert provider["keys_url"] == f"{provider['issuer']}/keys"


def test_people_have_ids_and_subjects_of_their_own() -> None:
    assert [person.id for person in PEOPLE.values()] == list(PEOPLE)
    assert len({person.subject for person in PEOPLE.values()}) == len(PEOPLE)
