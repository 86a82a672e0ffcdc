"""Rights of groups and tokens, as the owner of the rules and the privacy officer see them."""

from datetime import UTC, datetime

from gateway.api.grant_view import grants_json
from services.config.model import Configuration, parse
from services.http.grants import Grant, Reach
from services.http.token_store import TokenHash
from tests.support.router.harness import TOML

PROVIDERS = """
[[identity_providers]]
id = "entra"
tenant = "almelo"
issuer = "https://idp.example"
audience = "postkamer"
keys_url = "https://idp.example/keys"

[[identity_providers]]
id = "next-door"
tenant = "borne"
issuer = "https://borne.example"
audience = "postkamer"
keys_url = "https://borne.example/keys"
"""


def town() -> Configuration:
    grants = "".join(
        f'[[identity_grants]]\nprovider = "{provider}"\nvalue = "{value}"\n{gift}\n'
        for provider, value, gift in (
            ("entra", "balie", 'roles = ["read", "send"]'),
            ("entra", "groen", 'departments = ["groen"]'),
            ("entra", "allen", "all_departments = true\nconfidential = true"),
            ("entra", "beheer", 'destinations = ["crm"]'),
            ("next-door", "balie", 'roles = ["rules"]'),
        )
    )
    return parse(TOML + PROVIDERS + grants, "p.toml")


def test_groups_of_the_municipality_are_listed_with_what_they_were_given() -> None:
    groups = grants_json("almelo", town(), [])["groups"]
    assert [(each["provider"], each["value"], each["roles"]) for each in groups] == [
        ("entra", "balie", ["send", "read"]),
        ("entra", "groen", []),
        ("entra", "allen", []),
        ("entra", "beheer", []),
    ]
    assert [[d["id"] for d in each["departments"]] for each in groups] == [[], ["groen"], [], []]
    assert [each["allDepartments"] and each["confidential"] for each in groups] == [
        False, False, True, False,
    ]  # fmt: skip
    assert groups[3]["destinations"] == ["crm"]


def test_tokens_are_listed_without_anything_that_could_be_used() -> None:
    reach = Reach(departments=frozenset({"groen", "gone"}))
    grant = Grant(name="crm", tenant="almelo", roles=frozenset({"send"}), reach=reach, people=True)
    old = Grant(name="old", tenant="almelo", roles=frozenset(), reach=Reach())
    ends = datetime(2027, 3, 1, tzinfo=UTC)
    tokens = [TokenHash(b"hash of crm", grant, ends), TokenHash(b"hash of old", old)]
    crm, oldest = grants_json("almelo", town(), tokens)["tokens"]
    assert crm == {
        "name": "crm",
        "roles": ["send"],
        "departments": [{"id": "groen", "name": "Openbare ruimte", "confidential": False}],
        "allDepartments": False,
        "confidential": False,
        "destinations": [],
        "people": True,
        "test": False,
        "expiresAt": ends,
    }
    # From the time in which no department meant all of them.
    assert (oldest["allDepartments"], oldest["confidential"]) == (True, True)
