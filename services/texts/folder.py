"""The folder of the texts for citizens: `texts/<language>.toml`."""

from pathlib import Path

from services.texts.catalogue import DEFAULT, Text, Texts, parse
from services.toml.errors import ConfigFault


def load_texts(folder: Path) -> Texts:
    """Load the texts in a folder, one file per language, with their faults."""
    languages: dict[str, dict[str, Text]] = {}
    paths: dict[str, str] = {DEFAULT: str(folder / f"{DEFAULT}.toml")}
    faults: list[ConfigFault] = []
    files = _files(folder)
    for path in files:
        try:
            text = path.read_text(encoding="utf-8-sig")  # Windows adds a byte order mark
        except (OSError, UnicodeDecodeError) as error:
            faults.append(ConfigFault(str(path), 0, "file", f"cannot be read: {error}"))
            continue
        languages[path.stem], parse_faults = parse(path.stem, text, str(path))
        paths[path.stem] = str(path)
        faults += parse_faults
    if folder / f"{DEFAULT}.toml" not in files:
        faults.append(ConfigFault(paths[DEFAULT], 0, "file", "is not there"))
    return Texts(languages, paths, tuple(faults))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.toml"))
    except OSError:  # no folder can have this name
        return []
