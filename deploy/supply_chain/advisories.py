"""Known vulnerabilities of locked packages: OSV, its committed copy, accepted ones. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from deploy.supply_chain.lock import LockedPackage

ECOSYSTEM = "PyPI"
FIRST = Version("0.dev0")
"""Lowest version there can be: OSV writes "0" for it."""
OLD_COPY = timedelta(days=90)
"""Age from which a copy is too old to rely on: it lacks a quarter of a year of advisories."""


@dataclass(frozen=True)
class Vulnerability:
    """A locked package for which an advisory exists."""

    package: str
    version: str
    ids: frozenset[str]
    """Id of the advisory, with its aliases where the source gives them."""

    def __str__(self) -> str:
        return f"{self.package} {self.version}: {', '.join(sorted(self.ids))}"


@dataclass(frozen=True)
class Accepted:
    """A vulnerability that people decided to live with for a while."""

    package: str
    ids: frozenset[str]
    reason: str
    until: date


@dataclass(frozen=True)
class Judgement:
    """Result of an audit: lines that fail it, and lines that only warn."""

    faults: list[str]
    warnings: list[str]


# ---- records of OSV ------------------------------------------------------------------------------


def is_in_range(version: Version, events: Iterable[Mapping[str, str]]) -> bool:
    """True if the last event up to this version introduced the fault."""
    turns = sorted(
        (FIRST if at == "0" else Version(at), kind) for e in events for kind, at in e.items()
    )
    affected = False
    for at, kind in turns:
        if kind == "introduced" and version >= at:
            affected = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            affected = False
    return affected


def is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """True if OSV counts a version as affected: listed by itself, or within a range.

    A version or range that cannot be compared counts as affected, so that a person looks.
    """
    if version in affected["versions"]:
        return True
    try:
        return any(is_in_range(Version(version), events) for events in affected["ranges"])
    except ValueError:
        return True


def shorten(record: Mapping[str, Any], names: Collection[str]) -> list[dict[str, object]]:
    """Return, of a record of OSV, what the copy keeps for these packages."""
    if record.get("withdrawn"):
        return []
    return [
        {
            "package": name,
            "ids": sorted({record["id"], *record.get("aliases", [])}),
            "ranges": [
                each["events"] for each in affected.get("ranges", []) if each["type"] == "ECOSYSTEM"
            ],
            "versions": affected.get("versions", []),
        }
        for affected in record.get("affected", [])
        if affected.get("package", {}).get("ecosystem") == ECOSYSTEM
        and (name := canonicalize_name(affected["package"]["name"])) in names
    ]


def without_repetition(entry: dict[str, Any]) -> dict[str, Any]:
    """Leave out the list of versions where a range says the same: it is nine tenths of a record."""
    return {**entry, "versions": [] if entry["ranges"] else entry["versions"]}


def make_copy(records: Iterable[Mapping[str, Any]], names: Collection[str]) -> dict[str, Any]:
    """Return the copy of a database for these packages, dated by its newest record."""
    newest, advisories = "", []
    for record in records:
        newest = max(newest, record["modified"])
        advisories += [without_repetition(entry) for entry in shorten(record, names)]
    advisories.sort(key=lambda entry: (entry["package"], entry["ids"]))
    return {"until": newest[:10], "packages": sorted(names), "advisories": advisories}


# ---- audit ---------------------------------------------------------------------------------------


def questions(packages: Iterable[LockedPackage]) -> dict[str, object]:
    """Return the body of one request to OSV for all packages."""
    return {
        "queries": [
            {"package": {"name": each.name, "ecosystem": ECOSYSTEM}, "version": each.version}
            for each in packages
        ]
    }


def read_answers(packages: list[LockedPackage], answer: Any) -> list[Vulnerability]:
    """Return what OSV answered; ValueError if it is not a whole answer to all questions."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != len(packages):
        raise ValueError("not an answer for each package")
    if any(result.get("next_page_token") for result in results):
        raise ValueError("an answer of several pages")
    return [
        Vulnerability(package.name, package.version, frozenset({found["id"]}))
        for package, result in zip(packages, results, strict=True)
        for found in result.get("vulns", [])
    ]


def look_up(packages: list[LockedPackage], copy: Mapping[str, Any]) -> list[Vulnerability]:
    """Return what the copy knows of these packages."""
    versions = {package.name: package.version for package in packages}
    return [
        Vulnerability(name, versions[name], frozenset(entry["ids"]))
        for entry in copy["advisories"]
        if (name := entry["package"]) in versions and is_affected(versions[name], entry)
    ]


def warnings_of_copy(
    packages: list[LockedPackage], copy: Mapping[str, Any], today: date
) -> list[str]:
    age = today - date.fromisoformat(copy["until"])
    found = [f"the copy is {age.days} days old; make a new one"] if age > OLD_COPY else []
    absent = sorted({package.name for package in packages} - set(copy["packages"]))
    return [*found, *(f"the copy was made without {name}; make a new one" for name in absent)]


def read_accepted(document: Mapping[str, Any]) -> list[Accepted]:
    """Return the accepted ones; ValueError for an entry without id, reason or end."""
    found = []
    for entry in document.get("accepted", []):
        if entry.keys() != {"package", "ids", "reason", "until"} or not entry["reason"].strip():
            raise ValueError(f"accepted: {entry}: needs package, ids, reason and until, no more")
        if type(entry["until"]) is not date or not entry["ids"]:
            raise ValueError(f"accepted: {entry}: ids is a list, until a date")
        name = str(canonicalize_name(entry["package"]))
        found.append(Accepted(name, frozenset(entry["ids"]), entry["reason"], entry["until"]))
    return found


def is_about(entry: Accepted, vulnerability: Vulnerability) -> bool:
    return entry.package == vulnerability.package and bool(entry.ids & vulnerability.ids)


def judge(found: list[Vulnerability], accepted: list[Accepted], today: date) -> Judgement:
    """Let a vulnerability fail the audit unless it is accepted and that has not ended."""
    faults, warnings, used = [], [], set()
    for vulnerability in found:
        entries = [each for each in accepted if is_about(each, vulnerability)]
        entry = max(entries, key=lambda each: each.until, default=None)
        used.update(entries)
        if entry is None:
            faults.append(str(vulnerability))
        elif entry.until < today:
            faults.append(f"{vulnerability} (accepted until {entry.until})")
        else:
            warnings.append(f"{vulnerability} is accepted until {entry.until}: {entry.reason}")
    idle = [each for each in accepted if each not in used]
    warnings += [
        f"{each.package}: {', '.join(sorted(each.ids))} is accepted for nothing" for each in idle
    ]
    return Judgement(faults, warnings)
