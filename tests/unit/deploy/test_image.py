"""deploy/Dockerfile: what it copies is all that the commands need."""

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
PACKAGES = ("services", "gateway", "router", "deliverer", "archiver", "sandbox", "cli")


def copied() -> list[str]:
    """What the Dockerfile takes from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def needed() -> Iterator[Path]:
    """Every file that a command reads when it runs: code, migrations, the page, the example."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT)
    for path in (ROOT / "deploy" / "examples").rglob("*.toml"):
        yield path.relative_to(ROOT)
    yield Path("deploy/compose/definitions.py")


def is_below(path: Path, folders: list[str]) -> bool:
    return any(str(path) == folder or Path(folder) in path.parents for folder in folders)


def test_everything_that_the_commands_read_is_copied() -> None:
    files = list(needed())
    assert {".py", ".sql", ".js", ".css", ".html", ".png", ".svg", ".toml"} <= {
        path.suffix for path in files
    }
    assert [str(path) for path in files if not is_below(path, copied())] == []


def test_everything_that_is_copied_is_there_and_reaches_the_builder() -> None:
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert ignored[1] == "*"
    for source in copied():
        assert (ROOT / source).exists(), source
        assert is_below(Path(source), allowed), source
    assert not any(fnmatch.fnmatch("deploy/.env", pattern) for pattern in allowed)


def test_every_package_is_named_with_a_hash_and_comes_as_a_wheel() -> None:
    stage = DOCKERFILE.replace("\\\n", " ")
    installs = re.findall(r"python -m pip [^&\n]*install [^&\n]*", stage)
    ours = [line for line in installs if "/wheels/" in line]
    assert len(ours) == 1
    assert "--no-index" in ours[0]
    for line in installs:
        if line not in ours and "uninstall" not in line:
            assert "--require-hashes" in line, line
            assert "--only-binary :all:" in line, line


def test_what_builds_is_what_the_set_up_builds_with() -> None:
    pattern = re.compile(r"wanted = /\^\(([^)]*)\)==/")
    here, there = (
        pattern.search(DOCKERFILE),
        pattern.search((ROOT / "deploy" / "setup.sh").read_text()),
    )
    assert here
    assert there
    assert here[1] == there[1]


def test_the_image_runs_as_nobody_in_particular() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert 'ENTRYPOINT ["postkamer"]' in last
