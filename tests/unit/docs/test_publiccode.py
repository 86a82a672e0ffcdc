"""publiccode.yml 0.7.0: complete as the standard demands, and true of the project."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "publiccode.yml").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MANDATORY = {
    "publiccodeYmlVersion", "name", "url", "platforms", "developmentStatus", "softwareType",
    "description", "legal", "maintenance", "localisation",
}  # fmt: skip
OPTIONAL = {
    "applicationSuite", "landingURL", "isBasedOn", "softwareVersion", "releaseDate", "logo",
    "categories", "usedBy", "fundedBy", "roadmap", "supports", "organisation", "intendedAudience",
    "dependsOn",
}  # fmt: skip
"""Optional keys, without those that the standard calls deprecated."""
KEYS = {
    "legal": {"license", "mainCopyrightOwner"},
    "maintenance": {"type", "contractors", "contacts"},
    "localisation": {"localisationReady", "availableLanguages"},
    "intendedAudience": {"countries", "unsupportedCountries", "scope"},
    "dependsOn": {"open", "proprietary", "hardware"},
    "organisation": {"uri", "name"},
}
LANGUAGE_KEYS = {
    "localisedName", "shortDescription", "longDescription", "documentation", "apiDocumentation",
    "features", "screenshots", "videos", "awards",
}  # fmt: skip
DEPENDENCY_KEYS = {"name", "versionMin", "versionMax", "version", "optional"}
PLATFORMS = {"web", "windows", "mac", "linux", "ios", "android"}
CATEGORIES = {
    "call-center-management", "collaboration", "communications", "compliance-management",
    "contact-management", "crm", "customer-service-and-support", "digital-citizenship",
    "document-management", "help-desk", "instant-messaging", "service-desk",
    "social-media-management", "workflow-management",
}  # fmt: skip
"""Words of the standard's list of categories that could be said of a mailroom."""
SCOPES = {
    "agriculture", "culture", "defence", "education", "emergency-services", "employment", "energy",
    "environment", "finance-and-economic-development", "foreign-affairs", "government",
    "healthcare", "infrastructures", "justice", "local-authorities", "manufacturing", "research",
    "science-and-technology", "security", "society", "sport", "tourism", "transportation",
    "welfare",
}  # fmt: skip
STATUSES = {"concept", "development", "beta", "stable", "obsolete"}
TYPES = {f"standalone/{kind}" for kind in ("mobile", "iot", "desktop", "web", "backend", "other")}
TYPES |= {"addon", "library", "configurationFiles"}
NEEDED_BY = {"internal": "contacts", "community": "contacts", "contract": "contractors"}


def test_mandatory_keys_are_there_with_allowed_values() -> None:
    assert DOCUMENT.keys() >= MANDATORY
    assert DOCUMENT["publiccodeYmlVersion"] == "0.7.0"
    assert DOCUMENT["developmentStatus"] in STATUSES
    assert DOCUMENT["softwareType"] in TYPES
    assert DOCUMENT["platforms"]
    assert re.match(r"https://\S+", DOCUMENT["url"])
    assert isinstance(DOCUMENT["localisation"]["localisationReady"], bool)
    assert DOCUMENT["localisation"]["availableLanguages"]
    for supported in DOCUMENT["supports"]:
        assert supported.keys() == {"id"}
        assert re.match(r"(alias:\w+|https?://\S+|urn:\S+)$", supported["id"])


def unknown_keys(document: dict[str, Any]) -> set[str]:
    """Keys that version 0.7.0 does not have, or no longer wants."""
    found = document.keys() - MANDATORY - OPTIONAL
    for section, known in KEYS.items():
        found |= {f"{section}/{key}" for key in document.get(section, {}).keys() - known}
    for language, description in document["description"].items():
        found |= {f"{language}/{key}" for key in description.keys() - LANGUAGE_KEYS}
    for several in document["dependsOn"].values():
        found |= {f"dependsOn/{key}" for one in several for key in one.keys() - DEPENDENCY_KEYS}
    return found


def test_document_has_no_key_and_no_word_that_the_schema_does_not_have() -> None:
    assert unknown_keys(DOCUMENT) == set()
    assert {*DOCUMENT["platforms"]} <= PLATFORMS
    assert {*DOCUMENT["categories"]} <= CATEGORIES
    assert {*DOCUMENT["intendedAudience"]["scope"]} <= SCOPES
    assert all(re.fullmatch("[A-Z]{2}", one) for one in DOCUMENT["intendedAudience"]["countries"])
    tags = [*DOCUMENT["description"], *DOCUMENT["localisation"]["availableLanguages"]]
    assert all(re.fullmatch("[a-z]{2,3}(-[A-Za-z0-9]+)*", tag) for tag in tags)
    assert all(one["name"] for several in DOCUMENT["dependsOn"].values() for one in several)


def test_key_that_is_unknown_or_deprecated_is_found() -> None:
    wrong = DOCUMENT | {
        "inputTypes": ["text/plain"],
        "legal": DOCUMENT["legal"] | {"repoOwner": "x"},
    }
    assert unknown_keys(wrong) == {"inputTypes", "legal/repoOwner"}


def test_each_language_has_descriptions_of_the_required_length() -> None:
    assert {"nl", "en"} <= DOCUMENT["description"].keys()
    for language, description in DOCUMENT["description"].items():
        assert 0 < len(description["shortDescription"]) <= 150, language
        assert 150 <= len(description["longDescription"]) <= 10_000, language
        assert description["features"], language


def test_maintainers_are_named() -> None:
    maintenance = DOCUMENT["maintenance"]
    assert maintenance["type"] in {*NEEDED_BY, "none"}
    if needed := NEEDED_BY.get(maintenance["type"]):
        assert all(one["name"] for one in maintenance[needed])
    if maintenance["type"] != "contract":
        assert "contractors" not in maintenance


def test_version_and_licence_are_those_of_the_project() -> None:
    assert DOCUMENT["softwareVersion"] == PROJECT["version"]
    assert DOCUMENT["legal"]["license"] == PROJECT["license"] == "EUPL-1.2"
    licence = (ROOT / "LICENSE").read_text()
    assert "SPDX-License-Identifier: EUPL-1.2" in licence
    assert "Copyright (c)" in licence


def test_minimum_versions_are_those_of_the_project() -> None:
    oldest = {one["name"]: one["versionMin"] for one in DOCUMENT["dependsOn"]["open"]}
    assert PROJECT["requires-python"] == f">={oldest['Python']}"
    local = (ROOT / "deploy" / "local" / "postgresql.py").read_text()
    assert f"OLDEST = {oldest['PostgreSQL']}\n" in local
