"""`make sbom`: wheel, bill of materials and provenance come from a commit, in the same bytes."""

import hashlib
import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.supply_chain.bill_of_materials import Release, bill_of_materials
from deploy.supply_chain.licences import NotAsLockedError, all_licences
from deploy.supply_chain.lock import LockedPackage, read_lock
from deploy.supply_chain.release import make_release

ROOT = Path(__file__).parents[3]
RELEASE = Release("0.1.0", "EUPL-1.2", "c" * 40, 1_790_000_000)
PACKAGES = read_lock((ROOT / "requirements.txt").read_text())
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PLACES = {
    "publiccode.yml": r'^softwareVersion: "(.*)"$',
    "deploy/helm/postkamer/Chart.yaml": r"^(?:appVersion|version): (.*)$",
    "deploy/compose.yaml": r"^ *image: postkamer:(.*)$",
    "CHANGELOG.md": r"\A(?:(?!^## ).*\n)*## (\S+) \((?:unreleased|\d{4}-\d\d-\d\d)\)$",
    "SECURITY.md": r"^\| (\S+)(?: \(unreleased\))? \| yes",
    "docs/status.md": r"^Version (\S+?)(?:, unreleased)?\. ",
}
"""File -> the version that it names; a release changes them all, and `pyproject.toml`."""


def make_bill() -> dict[str, Any]:
    return bill_of_materials(RELEASE, "d" * 64, PACKAGES, all_licences(PACKAGES))


def test_bill_is_cyclonedx_1_6() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(make_bill())) is None


def test_bill_names_each_locked_package_with_its_hashes_and_licence() -> None:
    bill = make_bill()
    found = {each["purl"]: each for each in bill["components"]}
    assert found.keys() == {package.purl for package in PACKAGES}
    for package in PACKAGES:
        [files] = found[package.purl]["externalReferences"]
        assert [each["content"] for each in files["hashes"]] == list(package.hashes)
        told = found[package.purl]["licenses"]
        assert all(each.get("expression") or each["license"]["name"] for each in told)
        assert told != []


def test_bill_has_the_graph_of_the_lock() -> None:
    bill = make_bill()
    graph = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    root = graph[RELEASE.purl]
    assert len(root) >= len(needed)
    assert {ref for refs in graph.values() for ref in refs} == graph.keys() - {RELEASE.purl}
    yarl = next(package.purl for package in PACKAGES if package.name == "yarl")
    aiohttp = next(package.purl for package in PACKAGES if package.name == "aiohttp")
    assert yarl in graph[aiohttp]


def test_licence_is_not_taken_from_another_version() -> None:
    with pytest.raises(NotAsLockedError, match="aiohttp: locked 1, installed 3"):
        all_licences([LockedPackage("aiohttp", "1", (), ())])
    with pytest.raises(NotAsLockedError, match="installed none"):
        all_licences([LockedPackage("not-installed-anywhere", "1", (), ())])


def digests(paths: list[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.mark.parametrize("name", PLACES)
def test_each_place_names_the_version_of_the_project(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert set(re.findall(PLACES[name], text, re.MULTILINE)) == {VERSION}


def test_all_places_agree_if_the_version_is_released() -> None:
    words = {
        "CHANGELOG.md": f"## {VERSION} (unreleased)",
        "SECURITY.md": f"| {VERSION} (unreleased) |",
        "docs/status.md": f"Version {VERSION}, unreleased.",
    }
    said = {name: text in (ROOT / name).read_text("utf-8") for name, text in words.items()}
    assert len(set(said.values())) == 1, said


@pytest.mark.slow
def test_same_commit_gives_the_same_bytes_and_provenance_of_them(tmp_path: Path) -> None:
    head = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    commit = subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(make_release(commit, tmp_path / name))
    assert digests(made[0]) == digests(made[1])
    wheel, bill, statement = made[0]
    document = json.loads(statement.read_text())
    assert {each["name"]: each["digest"]["sha256"] for each in document["subject"]} == digests(
        [wheel, bill]
    )
    build = document["predicate"]["buildDefinition"]
    sources = {each["name"]: each["digest"] for each in build["resolvedDependencies"]}
    assert sources["source"] == {"gitCommit": commit}
    show = ["git", "-C", str(ROOT), "show", f"{commit}:requirements.txt"]
    lock = subprocess.run(show, check=True, capture_output=True).stdout
    assert sources["requirements.txt"] == {"sha256": hashlib.sha256(lock).hexdigest()}
