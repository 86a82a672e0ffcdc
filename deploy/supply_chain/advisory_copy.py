"""Write the copy of the advisories for the locked packages: `make advisories FROM=all.zip`.

`all.zip` is the file that OSV publishes for PyPI: a record in JSON for each advisory. It can be
carried to where there is no network.
"""

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.supply_chain.advisories import make_copy
from deploy.supply_chain.audit import COPY, locked_packages


def records(source: Path) -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                yield json.loads(archive.read(name))


def write_copy(source: Path, target: Path) -> dict[str, Any]:
    copy = make_copy(records(source), {package.name for package in locked_packages()})
    if not copy["until"]:
        raise ValueError(f"{source} has no advisories")
    target.write_text(json.dumps(copy, indent=1) + "\n", encoding="utf-8")
    return copy


def main(source: str) -> None:
    if not source:
        sys.exit("Say which file: make advisories FROM=all.zip (docs/operators/supply-chain.md).")
    try:
        copy = write_copy(Path(source), COPY)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        sys.exit(f"No copy was made: {error}.")
    print(
        f"{len(copy['advisories'])} advisories for {len(copy['packages'])} packages, until "
        f"{copy['until']}: {COPY.name}"
    )


if __name__ == "__main__":
    main(sys.argv[1])
