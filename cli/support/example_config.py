"""The configuration that is shipped: what commands go by where nobody names another."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy" / "examples" / "voorbeeldstad" / "postkamer.toml"
