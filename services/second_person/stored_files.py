"""The files of a stored version, in a folder for as long as they are loaded."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath


@contextmanager
def files_in_folder(files: Mapping[str, str]) -> Iterator[Path]:
    """Write the files of a stored version in a folder of their own, to load them from there;
    ValueError if a name leads out of it."""
    if any(map(_leads_out, files)):
        raise ValueError("a file has a path that is not beside the others")
    with tempfile.TemporaryDirectory(prefix="postkamer-") as folder:
        for name, text in files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="")
        yield Path(folder)


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts
