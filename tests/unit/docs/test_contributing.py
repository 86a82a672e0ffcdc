"""The recipes of CONTRIBUTING.md name places that exist."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RECIPES = (ROOT / "CONTRIBUTING.md").read_text().split("## How to add")[1].split("\n## ")[0]
SYMBOLS = re.findall(r"`([a-z_.]+):(\w+)`", RECIPES)
PATHS = re.findall(r"`((?:\w+/)+[\w.-]+|[\w.]+\.(?:toml|md))`", RECIPES)


@pytest.mark.parametrize(("module", "symbol"), SYMBOLS)
def test_symbol_of_a_recipe_exists(module: str, symbol: str) -> None:
    assert hasattr(import_module(module), symbol)


def test_paths_of_the_recipes_exist() -> None:
    assert [path for path in PATHS if not (ROOT / path).exists()] == []


def test_each_recipe_names_a_place() -> None:
    recipes = re.split(r"\n\n(?=\*\*)", RECIPES.strip())[1:]
    assert len(recipes) >= 10
    named = [*(f"{module}:{symbol}" for module, symbol in SYMBOLS), *PATHS, "migrations/"]
    assert [recipe for recipe in recipes if not any(f"`{name}`" in recipe for name in named)] == []
