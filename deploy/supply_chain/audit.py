"""Look for known vulnerabilities in the locked packages: a part of `make check`.

OSV is asked about exactly the locked versions. Without a way to it, the committed copy is used, and
without a copy nothing is audited, with a warning: a network that is away is no fault of the code.
"""

import json
import sys
import tomllib
from datetime import date
from pathlib import Path

from deploy.supply_chain import advisories
from deploy.supply_chain.lock import LockedPackage, read_lock
from deploy.supply_chain.osv import ADDRESS, SECONDS, UnreachableError, ask_osv
from services import clock

ROOT = Path(__file__).parents[2]
LOCKS = [
    ROOT / name
    for name in (
        "requirements.txt",
        "requirements-dev.txt",
        "deploy/generator.txt",
        "deploy/faststream.txt",
        "deploy/charts.txt",
    )
]
COPY = Path(__file__).parent / "advisories.json"
ACCEPTED = Path(__file__).parent / "accepted.toml"


def locked_packages() -> list[LockedPackage]:
    """Return each package of all locks once: of the product, its tools, a test and a peer."""
    found = [package for lock in LOCKS for package in read_lock(lock.read_text(encoding="utf-8"))]
    once = {(package.name, package.version): package for package in found}
    return [once[key] for key in sorted(once)]


def audit(
    address: str, seconds: float, copy: Path, accepted: Path, today: date
) -> tuple[str, advisories.Judgement]:
    """Return the source that was used, with its date, and what it means."""
    packages = locked_packages()
    allowed = advisories.read_accepted(tomllib.loads(accepted.read_text(encoding="utf-8")))
    try:
        found, warnings = ask_osv(packages, address, seconds), []
        source = f"OSV, asked on {today}"
    except UnreachableError as error:
        if not copy.exists():
            return "nothing", advisories.Judgement(
                [], [f"OSV could not be asked ({error}) and there is no copy: nothing was audited"]
            )
        kept = json.loads(copy.read_text(encoding="utf-8"))
        found = advisories.look_up(packages, kept)
        warnings = advisories.warnings_of_copy(packages, kept, today)
        source = f"the copy with advisories until {kept['until']} (OSV could not be asked: {error})"
    judgement = advisories.judge(found, allowed, today)
    return source, advisories.Judgement(judgement.faults, [*warnings, *judgement.warnings])


def main() -> None:
    source, judgement = audit(ADDRESS, SECONDS, COPY, ACCEPTED, clock.now().date())
    print(f"Audit of {len(locked_packages())} locked packages, source: {source}.")
    for line in judgement.warnings:
        print(f"Warning: {line}.")
    for line in judgement.faults:
        print(f"Vulnerable: {line}. See https://osv.dev/vulnerability/<id>.")
    sys.exit(1 if judgement.faults else 0)


if __name__ == "__main__":
    main()
