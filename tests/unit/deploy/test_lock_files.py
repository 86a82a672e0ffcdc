"""Every package is locked with its hashes, and no installation takes one without."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.supply_chain.lock import LockedPackage, read_lock

ROOT = Path(__file__).parents[3]
LOCKS = (
    "requirements.txt",
    "requirements-dev.txt",
    "deploy/generator.txt",
    "deploy/faststream.txt",
    "deploy/charts.txt",
)
LOCK = """\
# Made with uv.
alpha==1.0 ; sys_platform == 'win32' \\
    --hash=sha256:{a} \\
    --hash=sha256:{b}
    # via
    #   postkamer (pyproject.toml)
    #   be-ta
be-ta==2.0.post1 \\
    --hash=sha256:{b}
    # via postkamer (pyproject.toml:dev)
""".format(a="a" * 64, b="b" * 64)


def test_lock_is_read_with_versions_hashes_and_parents() -> None:
    assert read_lock(LOCK) == [
        LockedPackage("alpha", "1.0", ("a" * 64, "b" * 64), ("be-ta", "postkamer")),
        LockedPackage("be-ta", "2.0.post1", ("b" * 64,), ("postkamer",)),
    ]


@pytest.mark.parametrize("path", LOCKS)
def test_locked_package_has_one_version_and_hashes(path: str) -> None:
    text = (ROOT / path).read_text()
    packages = read_lock(text)
    assert len(packages) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 1
    assert len({package.name for package in packages}) == len(packages)
    assert [package.name for package in packages if not package.hashes] == []
    assert "://" not in text, "an address of a registry"


def test_set_up_installs_packages_by_hash() -> None:
    set_up = (ROOT / "deploy" / "setup.sh").read_text().replace("\\\n", " ")
    installs = [line for line in set_up.splitlines() if "pip_install " in line]
    assert len(installs) == 5
    for line in installs:
        assert "--require-hashes" in line or "--no-deps --no-build-isolation -e ." in line, line
    assert set_up.count("pip install") == 1, "the one in pip_install()"


def make_wheel(folder: Path) -> str:
    """Make a package `alpha` 1.0 and return its SHA-256."""
    path = folder / "alpha-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        info = "alpha-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("locked", ["another hash", "no hash"])
def test_installation_refuses_a_package_without_its_hash(tmp_path: Path, locked: str) -> None:
    other = make_wheel(tmp_path)[::-1]
    suffix = f" --hash=sha256:{other}" if locked == "another hash" else ""
    (tmp_path / "lock.txt").write_text(f"alpha==1.0{suffix}\n")
    command = f"{sys.executable} -m pip install --isolated --no-index --dry-run --no-deps"
    result = subprocess.run(
        [*command.split(), "--require-hashes", "--find-links", ".", "-r", "lock.txt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    refusals = {
        "another hash": "THESE PACKAGES DO NOT MATCH THE HASHES",
        "no hash": "Hashes are required",
    }
    assert result.returncode == 1
    assert refusals[locked] in result.stderr
