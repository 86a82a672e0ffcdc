"""Train the scorer of weak signs on its table and write its weights: `make danger-model`."""

import tomllib
from pathlib import Path

from deploy.danger.model_file import encode_model
from deploy.danger.table import Row, read_rows
from deploy.danger.validation import build_model

ROOT = Path(__file__).parents[2]
EXAMPLES = Path(__file__).parent / "examples"
MEANINGS = ROOT / "router" / "danger" / "meanings.toml"
PAGE = "docs/municipality/routing.md"
"""Page that states the figures."""
WEIGHTS = ROOT / "router" / "danger" / "weights.json"


def load_rows() -> list[Row]:
    files = sorted(EXAMPLES.glob("*.toml"))
    return read_rows(tomllib.loads(file.read_text(encoding="utf-8")) for file in files)


def main() -> None:
    model = build_model(load_rows(), MEANINGS.read_bytes())
    WEIGHTS.write_bytes(encode_model(model))
    print(f"version {model.version}, {len(model.weights)} signs; for {PAGE}:")
    for kind, figures in model.validated.items():
        print(f"| {kind} | {figures.rows} | {figures.found} |")


if __name__ == "__main__":
    main()
