"""A certified OpenID Connect provider that others made, as a process beside the desk."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".local" / "oidc-provider"
SCRIPT = Path(__file__).with_suffix(".mjs")
SECRET = "not-the-sandboxs-secret"


def missing() -> str:
    """Return what this machine lacks for it; '' if it has all."""
    if not shutil.which("node"):
        return "node is not on this machine"
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        return "oidc-provider is not in .local: deploy/setup.sh provider installs it"
    return ""


@contextmanager
def certified_provider(port: int, desk: str, folder: Path) -> Iterator[None]:
    """Run it until the context is left. Of all that it knows, its key alone stays, in `folder`."""
    log, key = folder / "provider.log", folder / "provider-key.json"
    command = ["node", str(SCRIPT), str(FOLDER), str(port), desk, str(key)]
    environment = {"PATH": os.environ["PATH"], "CLIENT_SECRET": SECRET}
    with log.open("ab") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"listens\n", log.read_text()
        yield
    finally:
        process.kill()
        process.communicate()
