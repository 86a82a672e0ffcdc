"""The folder of a month's open data, which appears whole, and its report. No other counts replace
them."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cli.support.output import CommandRefused

OTHER = (
    "{folder}: is there already, with other counts; who has both could subtract one from the"
    " other. Delete it only if it was never published"
)


def write_month(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Write the files; return False if the folder has exactly these already."""
    if folder.exists():
        if _read_all(folder) != files:
            raise CommandRefused(OTHER.format(folder=folder))
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, body in files.items():
            (part / name).write_bytes(body)
        part.chmod(0o755)
        part.rename(folder)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return True


def write_once(file: Path, body: bytes) -> None:
    """Write a file of a month, unless it is there with other counts."""
    if file.exists() and file.read_bytes() != body:
        raise CommandRefused(OTHER.format(folder=file))
    file.write_bytes(body)


def _read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
