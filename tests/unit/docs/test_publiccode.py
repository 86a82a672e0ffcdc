"""publiccode.yml 0.7.0: what the standard demands is there, and true of the project."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
PAPER: dict[str, Any] = yaml.safe_load((ROOT / "publiccode.yml").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MANDATORY = {
    "publiccodeYmlVersion",
    "name",
    "url",
    "platforms",
    "developmentStatus",
    "softwareType",
    "description",
    "legal",
    "maintenance",
    "localisation",
}
STATUSES = {"concept", "development", "beta", "stable", "obsolete"}
TYPES = {
    "standalone/mobile",
    "standalone/iot",
    "standalone/desktop",
    "standalone/web",
    "standalone/backend",
    "standalone/other",
    "addon",
    "library",
    "configurationFiles",
}
NEEDED_BY = {"internal": "contacts", "community": "contacts", "contract": "contractors"}


def test_every_mandatory_key_is_there() -> None:
    assert PAPER.keys() >= MANDATORY
    assert PAPER["publiccodeYmlVersion"] == "0.7.0"
    assert PAPER["developmentStatus"] in STATUSES
    assert PAPER["softwareType"] in TYPES
    assert PAPER["platforms"]
    assert re.match(r"https://\S+", PAPER["url"])
    assert isinstance(PAPER["localisation"]["localisationReady"], bool)
    assert PAPER["localisation"]["availableLanguages"]


def test_each_language_has_descriptions_of_the_length_that_is_asked() -> None:
    assert {"nl", "en"} <= PAPER["description"].keys()
    for language, description in PAPER["description"].items():
        assert 0 < len(description["shortDescription"]) <= 150, language
        assert 150 <= len(description["longDescription"]) <= 10_000, language
        assert description["features"], language


def test_whoever_maintains_it_is_named_where_somebody_does() -> None:
    maintenance = PAPER["maintenance"]
    assert maintenance["type"] in {*NEEDED_BY, "none"}
    if needed := NEEDED_BY.get(maintenance["type"]):
        assert all(one["name"] for one in maintenance[needed])
    if maintenance["type"] != "contract":
        assert "contractors" not in maintenance


def test_every_standard_that_it_supports_is_a_uri() -> None:
    for supported in PAPER["supports"]:
        assert supported.keys() == {"id"}
        assert re.match(r"(alias:\w+|https?://\S+|urn:\S+)$", supported["id"])


def test_it_says_the_same_as_the_project_and_the_licence() -> None:
    assert PAPER["softwareVersion"] == PROJECT["version"]
    assert PAPER["legal"]["license"] == PROJECT["license"] == "EUPL-1.2"
    licence = (ROOT / "LICENSE").read_text()
    assert "SPDX-License-Identifier: EUPL-1.2" in licence
    assert "Copyright (c)" in licence


def test_the_oldest_versions_that_it_names_are_those_of_the_project() -> None:
    oldest = {one["name"]: one["versionMin"] for one in PAPER["dependsOn"]["open"]}
    assert PROJECT["requires-python"] == f">={oldest['Python']}"
    local = (ROOT / "deploy" / "local" / "postgresql.py").read_text()
    assert f"OLDEST = {oldest['PostgreSQL']}\n" in local
