"""A PKCS#11 token in software (SoftHSM), in a folder of a test."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PIN, LABEL = "4321", "postkamer"
LIBRARIES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    *Path("/usr/lib").glob("*/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
)
NEEDS_SOFTHSM = pytest.mark.skipif(
    not shutil.which("softhsm2-util") and not os.environ.get("CI"),
    reason="softhsm2 is missing: deploy/setup.sh token",
)


class SoftToken:
    """A token with a PIN and no key yet. Programs find it by `environment`."""

    def __init__(self, folder: Path) -> None:
        (folder / "tokens").mkdir(parents=True)
        configuration = folder / "softhsm2.conf"
        configuration.write_text(
            f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n"
        )
        self.module = next(path for path in LIBRARIES if path.exists())
        self.environment = {"SOFTHSM2_CONF": str(configuration), "POSTKAMER_SIGNER_PIN": PIN}
        pins = ("--pin", PIN, "--so-pin", "87654321")
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", LABEL, *pins],
            env=os.environ | self.environment,
            capture_output=True,
            check=True,
            timeout=30,
        )
