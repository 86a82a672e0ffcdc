"""Make the wheel of the last commit, its bill of materials and its provenance: `make sbom`.

Everything is read from the commit, never from the folder: what is not committed is not in it.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from deploy.supply_chain.bill_of_materials import Release, bill_of_materials
from deploy.supply_chain.licences import NotAsLockedError, all_licences
from deploy.supply_chain.lock import PROJECT, read_lock
from deploy.supply_chain.provenance import provenance

ROOT = Path(__file__).parents[2]
RUNTIME_LOCK, TOOLS_LOCK = "requirements.txt", "requirements-dev.txt"


def git(*words: str) -> str:
    result = subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True)
    return result.stdout.decode().strip()


def extract_commit(commit: str, folder: Path) -> None:
    """Write the files of a commit into a folder."""
    archive = folder.with_suffix(".tar")
    git("archive", "--format=tar", f"--output={archive}", commit)
    folder.mkdir()
    subprocess.run(["tar", "-xf", str(archive), "-C", str(folder)], check=True)


def read_release(source: Path, commit: str) -> Release:
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    epoch = int(git("log", "-1", "--format=%ct", commit))
    return Release(project["version"], project["license"], commit, epoch)


def build_wheel(source: Path, epoch: int, folder: Path) -> Path:
    """Build the wheel; Hatchling orders its files and takes their times from the epoch."""
    subprocess.run(
        [
            sys.executable,
            "-I",
            "-m",
            "hatchling",
            "build",
            "-t",
            "wheel",
            "-d",
            str(folder.resolve()),
        ],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        check=True,
        capture_output=True,
    )
    [wheel] = folder.glob("*.whl")
    return wheel


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_json(path: Path, document: dict[str, object]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def make_release(commit: str, folder: Path) -> list[Path]:
    """Write wheel, bill of materials and provenance of a commit into an empty folder."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        extract_commit(commit, source)
        release = read_release(source, commit)
        wheel = build_wheel(source, release.epoch, folder)
        packages = read_lock((source / RUNTIME_LOCK).read_text(encoding="utf-8"))
        locks = {name: digest(source / name) for name in (RUNTIME_LOCK, TOOLS_LOCK)}
    bill = folder / f"{PROJECT}-{release.version}.cdx.json"
    write_json(bill, bill_of_materials(release, digest(wheel), packages, all_licences(packages)))
    statement = folder / f"{PROJECT}-{release.version}.intoto.json"
    products = {path.name: digest(path) for path in (wheel, bill)}
    write_json(statement, provenance(release, products, locks))
    return [wheel, bill, statement]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{PROJECT}-*"):
        old.unlink()
    try:
        made = make_release(git("rev-parse", "HEAD"), folder)
    except NotAsLockedError as error:
        sys.exit(f"{error}. Run make setup, or commit the lock that is installed.")
    if git("status", "--porcelain", "--untracked-files=no"):
        print("There are changes that are not committed; they are not in these files.")
    for path in made:
        print(f"{digest(path)}  {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
