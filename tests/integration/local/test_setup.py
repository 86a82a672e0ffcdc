"""deploy/setup.sh without a way to the network: one sentence says what to set behind a proxy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.__main__ import ROOT

SENTENCE = "Behind a proxy, set http_proxy and https_proxy; PIP_INDEX_URL names a mirror of PyPI"
DEAD = "http://127.0.0.1:1"
APT = """#!/bin/sh
echo "Err:1 http://deb.debian.org/debian trixie InRelease"
echo "  Could not connect to 127.0.0.1:1 (127.0.0.1). - connect (111: Connection refused)"
exit 100
"""
"""Answer of apt-get to a proxy that is not there."""
NPM = """#!/bin/sh
echo "npm error code EAI_AGAIN"
echo "npm error request to https://registry.example/@stoplight%2fspectral-cli failed"
exit 1
"""
"""Answer of npm without a name server."""
MISSING = "wrk"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of its own: the script works in the folder above its own."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "setup.sh", tmp_path / "deploy")
    for name in ("pyproject.toml", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    lock = "postkamer-of-no-index==1 --hash=sha256:" + "0" * 64
    (tmp_path / "requirements.txt").write_text(lock + "\n")
    return tmp_path


def refusal(clone: Path, part: str, path: str) -> str:
    """The last line of the script, which refuses."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY"), DEAD)
    npm = {"npm_config_fetch_retries": "0"}
    pip = {"PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull, "HOME": str(clone)}
    command = [str(clone / "deploy" / "setup.sh"), part]
    env = {"PATH": path} | proxies | pip | npm
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr.strip().splitlines()[-1]


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def test_packages_of_python_without_a_network(clone: Path) -> None:
    # The environment is ours, so that none has to be made; nothing is installed into it.
    executable(clone / ".venv" / "bin" / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (clone / ".venv" / "made-in").write_text(f"{clone}\n")
    last = refusal(clone, "runtime", os.environ["PATH"])
    assert last.startswith("Installing what requirements.txt names (a minute or two) failed.")
    assert SENTENCE in last


def test_packages_of_the_distribution_without_a_network(clone: Path) -> None:
    tools = clone / "bin"
    tools.mkdir()
    for tool in Path("/usr/bin").iterdir():
        if tool.name != MISSING:
            (tools / tool.name).symlink_to(tool)
    for name in ("apt-get", "apt-cache"):
        (tools / name).unlink(missing_ok=True)
        executable(tools / name, APT)
    (tools / "sudo").unlink(missing_ok=True)
    executable(tools / "sudo", '#!/bin/sh\n[ "$1" = -n ] && shift\n[ "$1" = -v ] || exec "$@"\n')
    last = refusal(clone, "load", str(tools))
    assert last.startswith("The package lists could not be read.")
    assert SENTENCE in last


@pytest.mark.parametrize(
    "is_real",
    [
        pytest.param(True, marks=pytest.mark.skipif(not shutil.which("npm"), reason="no npm")),
        False,
    ],
)
def test_packages_of_node_without_a_network(clone: Path, is_real: bool) -> None:
    path = os.environ["PATH"]
    if not is_real:
        executable(clone / "bin" / "npm", NPM)
        executable(clone / "bin" / "node", "#!/bin/sh\n")
        path = f"{clone / 'bin'}:{path}"
    last = refusal(clone, "spectral", path)
    assert last.startswith("Installing Spectral (half a minute) failed.")
    assert SENTENCE in last
    assert "npm_config_registry one of npm" in last
