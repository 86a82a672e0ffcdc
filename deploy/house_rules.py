"""The rules of the house that no linter knows, held by `make check`.

folder      at most 20 modules, and an `__init__.py` that says in one line what they are about
file        at most 600 lines
function    at most 45 lines
docstring   begins with its subject, not with a relative clause; in tests too
test        is named by its subject, not by "what" or "who"
class       one meaning in a package
pure core   the rules in `deploy/pure_core.py`
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from deploy.pure_core import faults_of_pure_core

ROOT = Path(__file__).parents[1]
PRODUCT = sorted(init.parent.name for init in ROOT.glob("*/__init__.py"))
"""Packages of the product; `tests` has no `__init__.py`."""
MODULES, FILE_LINES, FUNCTION_LINES = 20, 600, 45
RELATIVE = {
    "what", "who", "whom", "whose", "whoever", "whatever", "whether", "which", "whichever", "that",
    "how", "where", "when", "until", "as", "of", "to",
}  # fmt: skip
"""First words that open a relative clause. "Of" and "To" name a subject nobody has read yet."""
OPENINGS_BY = {"what", "whom", "whose", "which"}
"""After "By", "With", "From", "In": the same."""
PREPOSITIONS = {"by", "with", "from", "in", "on", "for", "at"}
NAMELESS = re.compile("test_(what|who|whatever|whoever|whom|whose)_")
"""Names of tests that open with a relative clause."""


def is_relative(docstring: str) -> bool:
    """True for "What ...", "Of ...", "By whom ..."; false for "Whether" inside a sentence."""
    words = [word.strip(".,;:'\"`").lower() for word in docstring.split()[:2]]
    if not words:
        return False
    if words[0] in RELATIVE:
        return True
    return words[0] in PREPOSITIONS and words[1:2] != [] and words[1] in OPENINGS_BY


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring: of modules, classes, functions, and after assignments."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for before, statement in zip([None, *body], body, strict=False):
            if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
                continue
            text = statement.value.value
            documented = before is None or isinstance(before, ast.Assign | ast.AnnAssign)
            if isinstance(text, str) and documented:
                yield statement.lineno, text


def faults_of_words(path: Path, tree: ast.Module) -> Iterator[str]:
    """Docstrings and tests' names of one file that open with a relative clause."""
    name = path.relative_to(ROOT)
    for line, text in docstrings(tree):
        if is_relative(text):
            yield f"{name}:{line}: begins with a relative clause: {text.split('.')[0][:60]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and NAMELESS.match(node.name):
            yield f"{name}:{node.lineno}: {node.name}: a test is named by its subject"


def faults_of_file(path: Path, tree: ast.Module, lines: int) -> Iterator[str]:
    """Faults of one file, with their lines."""
    name = path.relative_to(ROOT)
    if lines > FILE_LINES:
        yield f"{name}: {lines} lines, at most {FILE_LINES}"
    yield from faults_of_words(path, tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            size = node.end_lineno - node.lineno + 1
            if size > FUNCTION_LINES:
                yield f"{name}:{node.lineno}: {node.name}: {size} lines, at most {FUNCTION_LINES}"


def faults_of_folder(folder: Path, modules: list[Path]) -> Iterator[str]:
    """A folder that is crowded or does not say what it is about."""
    where = folder.relative_to(ROOT)
    init = folder / "__init__.py"
    count = len([path for path in modules if path != init])
    if count > MODULES:
        yield f"{where}: {count} modules, at most {MODULES}"
    if init not in modules or not ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))):
        yield f"{where}: no __init__.py that says what it is about"


def classes(nodes: Iterable[ast.AST]) -> Iterator[ast.ClassDef]:
    """Classes of a module, also those within `if`, `try` and `with`."""
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from classes(ast.iter_child_nodes(node))


def faults_of_classes(folder: Path, trees: Mapping[Path, ast.Module]) -> Iterator[str]:
    """Classes in two modules of one folder that share a name, private ones too."""
    first: dict[str, Path] = {}
    for path, tree in trees.items():
        for node in classes(tree.body):
            if first.setdefault(node.name, path) != path:
                both = f"{first[node.name].name} and {path.name}"
                yield f"{folder.relative_to(ROOT)}: class {node.name} has two meanings: {both}"


def faults() -> list[str]:
    """Every fault of the product's code, and of the words in its tests."""
    folders: dict[Path, dict[Path, ast.Module]] = defaultdict(dict)
    found: list[str] = []
    for path in (path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.py"))):
        source = path.read_text(encoding="utf-8")
        folders[path.parent][path] = ast.parse(source)
        found += faults_of_file(path, folders[path.parent][path], source.count("\n"))
        found += faults_of_pure_core(path, folders[path.parent][path])
    for folder, trees in folders.items():
        found += [*faults_of_folder(folder, list(trees)), *faults_of_classes(folder, trees)]
    for path in sorted((ROOT / "tests").rglob("*.py")):
        found += faults_of_words(path, ast.parse(path.read_text(encoding="utf-8")))
    return found


def main() -> None:
    found = faults()
    print("\n".join(found) if found else "The rules of the house are kept.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
