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
