"""Texts of the example municipality, its values for them, and examples of plain language."""

import tomllib
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "deploy/examples/voorbeeldstad/texts"
PLAIN_LANGUAGE = Path(__file__).parents[1] / "examples" / "plain_language.toml"
_FILE = FOLDER.parent / "postkamer.toml"
VALUES: dict[str, str] = tomllib.loads(_FILE.read_text(encoding="utf-8"))["tenants"][0]["values"]
TOWN = {"voorbeeldstad": VALUES}
