"""deploy/Dockerfile copies all that the commands need, and builds from pinned packages."""

import fnmatch
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
PACKAGES = ("services", "gateway", "router", "deliverer", "archiver", "desk", "sandbox", "cli")
SUPERVISION = ("local", "one_machine")
"""Folders of `deploy` that `postkamer all` needs."""


def copied() -> list[str]:
    """Paths that the Dockerfile takes from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def needed() -> Iterator[Path]:
    """Every file that a command reads when it runs: code, migrations, the page, the example."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT)
    for folder in SUPERVISION:
        for path in (ROOT / "deploy" / folder).glob("*.py"):
            yield path.relative_to(ROOT)
    for path in (ROOT / "deploy" / "examples").rglob("*.toml"):
        yield path.relative_to(ROOT)
    yield Path("deploy/compose/definitions.py")


def is_below(path: Path, folders: list[str]) -> bool:
    return any(str(path) == folder or Path(folder) in path.parents for folder in folders)


def test_image_has_every_file_that_the_commands_read() -> None:
    files = list(needed())
    assert {".py", ".sql", ".js", ".css", ".html", ".png", ".svg", ".toml"} <= {
        path.suffix for path in files
    }
    assert [str(path) for path in files if not is_below(path, copied())] == []


def test_copied_paths_exist_and_are_not_ignored() -> None:
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert ignored[1] == "*"
    for source in copied():
        assert (ROOT / source).exists(), source
        assert is_below(Path(source), allowed), source
    for hidden in ("deploy/.env", "deploy/secrets"):
        assert not any(fnmatch.fnmatch(hidden, pattern) for pattern in allowed)


def test_packages_are_installed_by_hash_and_as_wheels() -> None:
    stage = DOCKERFILE.replace("\\\n", " ")
    installs = re.findall(r"python -m pip [^&\n]*install [^&\n]*", stage)
    ours = [line for line in installs if "/wheels/" in line]
    assert len(ours) == 1
    assert "--no-index" in ours[0]
    for line in installs:
        if line not in ours and "uninstall" not in line:
            assert "--require-hashes" in line, line
            assert "--only-binary :all:" in line, line


def test_image_and_set_up_build_with_the_same_packages() -> None:
    pattern = re.compile(r"wanted = /\^\(([^)]*)\)==/")
    image = pattern.findall(DOCKERFILE)
    assert len(image) == 1
    assert image == pattern.findall((ROOT / "deploy" / "setup.sh").read_text())


def test_image_runs_as_an_unprivileged_user() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert 'ENTRYPOINT ["postkamer"]' in last


def test_times_in_the_image_come_from_the_commit() -> None:
    stages = DOCKERFILE.split("\nFROM ")[1:]
    assert [stage.split("\n")[1] for stage in stages] == ["ARG SOURCE_DATE_EPOCH"] * 2


@pytest.mark.slow
def test_base_images_get_their_digests(tmp_path: Path) -> None:
    deploy = tmp_path / "deploy"
    (deploy / "compose").mkdir(parents=True)
    for name in ("Dockerfile", "compose.yaml", "compose/digests.sh"):
        shutil.copy(ROOT / "deploy" / name, deploy / name)
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\n[ $# = 6 ] && echo sha256:{'a' * 64}\n")
    docker.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for _ in range(2):  # the second time replaces the digests
        command = ["sh", str(deploy / "compose" / "digests.sh")]
        subprocess.run(command, env=environment, check=True, capture_output=True)
    digest = "@sha256:" + "a" * 64
    text = (deploy / "Dockerfile").read_text() + (deploy / "compose.yaml").read_text()
    images = re.findall(r"^(?:ARG PYTHON=| *image: )(\S+)$", text, re.MULTILINE)
    assert len(images) == 7
    for image in images:
        assert image.count(digest) == (not image.startswith("postkamer:")), image
