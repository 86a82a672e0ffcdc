"""Rules of the pure core that import-linter cannot hold. `importlinter.toml` names its modules.

reading and writing   no call that opens, reads, writes or lists files
"Pure."               a module that says so is in the contract
urllib                only `urllib.parse`, except at its one door

import-linter knows a library only as a whole, and a builtin not at all.
"""

import ast
import tomllib
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE_CALLS = frozenset(
    {"open", "read_text", "read_bytes", "write_text", "write_bytes", "glob", "rglob", "iterdir"}
)
URLLIB_DOOR = "cli.support.gateway_client"
"""The only module of the product that calls an address with `urllib`."""


@cache
def load_contract(path: Path = ROOT / "importlinter.toml") -> tuple[list[str], list[str]]:
    """Return the packages that import-linter reads, and the modules of the pure core."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["tool"]["importlinter"]
    [contract] = [c for c in tables["contracts"] if c["name"].startswith("The pure core")]
    return tables["root_packages"], contract["source_modules"]


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the product."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_in(module: str, packages: Collection[str]) -> bool:
    """True for a module that is one of these packages or inside one."""
    return any(module == package or module.startswith(package + ".") for package in packages)


def calls_itself_pure(tree: ast.Module) -> bool:
    """True if a paragraph of the module's docstring ends with "Pure."."""
    paragraphs = (ast.get_docstring(tree) or "").split("\n\n")
    return any(paragraph.split()[-1:] == ["Pure."] for paragraph in paragraphs)


def file_calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of every call that opens, reads, writes or lists files."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in FILE_CALLS:
                yield node.lineno, name


def urllib_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of every import from `urllib` other than `urllib.parse`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "urllib":
            names = [f"urllib.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            if is_in(name, ["urllib"]) and name != "urllib.parse":
                yield node.lineno, name


def faults_of_module(module: str, tree: ast.Module, pure: Collection[str]) -> Iterator[str]:
    """Faults of one module. `pure`: the modules and packages of the pure core."""
    if is_in(module, pure):
        for line, name in file_calls(tree):
            yield f"{module}:{line}: {name}() in the pure core"
    elif calls_itself_pure(tree):
        yield f"{module}: says 'Pure.', but is not in the contract of the pure core"
    if module != URLLIB_DOOR:
        for line, name in urllib_imports(tree):
            yield f"{module}:{line}: imports {name}; only {URLLIB_DOOR} may"


def faults_of_pure_core(path: Path, tree: ast.Module) -> Iterator[str]:
    """Faults of one file, if import-linter reads its package."""
    packages, pure = load_contract()
    if is_in(module_name(path), packages):
        yield from faults_of_module(module_name(path), tree, pure)
