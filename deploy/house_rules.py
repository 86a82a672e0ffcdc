"""House rules that no linter knows, checked by `make check`.

folder      at most 20 modules, and an `__init__.py` that says in one line what they are about
file        at most 600 lines
function    at most 45 lines
docstring   begins with its subject, not with a relative clause
class       one meaning in a package
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("services", "gateway", "router", "deliverer", "archiver", "cli", "sandbox", "deploy")
MODULES, FILE_LINES, FUNCTION_LINES = 20, 600, 45
RELATIVE = {
    "what", "who", "whom", "whose", "whoever", "whatever", "whether", "that", "of", "to",
}  # fmt: skip
"""First words that open a relative clause. "Of" and "To" lack the subject that they belong to."""
OPENINGS_BY = {"what", "whom", "whose", "which"}
"""Second words that open one after "By", "With", "From", "In" and the like."""
PREPOSITIONS = {"by", "with", "from", "in", "on", "for", "at"}
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def is_relative(docstring: str) -> bool:
    """True for "What ...", "Of ...", "By whom ..."; false for "Whether" inside a sentence."""
    words = [word.strip(".,;:'\"`").lower() for word in docstring.split()[:2]]
    if not words:
        return False
    if words[0] in RELATIVE:
        return True
    return words[0] in PREPOSITIONS and words[1:2] != [] and words[1] in OPENINGS_BY


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring: of modules, classes, functions and assignments."""
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


def faults_of_file(path: Path, tree: ast.Module, lines: int) -> Iterator[str]:
    """Yield the faults of one file, with their lines."""
    name = path.relative_to(ROOT)
    if lines > FILE_LINES:
        yield f"{name}: {lines} lines, at most {FILE_LINES}"
    for line, text in docstrings(tree):
        if is_relative(text):
            yield f"{name}:{line}: begins with a relative clause: {text.split('.')[0][:60]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            size = node.end_lineno - node.lineno + 1
            if size > FUNCTION_LINES:
                limit = f"at most {FUNCTION_LINES}"
                yield f"{name}:{node.lineno}: {node.name} has {size} lines, {limit}"


def faults_of_folders(paths: list[Path], trees: dict[Path, ast.Module]) -> Iterator[str]:
    """Yield folders that are crowded or undescribed, and classes with two meanings in one."""
    folders = defaultdict(list)
    for path in paths:
        folders[path.parent].append(path)
    for folder, modules in sorted(folders.items()):
        named = [path for path in modules if path.name != "__init__.py"]
        where = folder.relative_to(ROOT)
        if len(named) > MODULES:
            yield f"{where}: {len(named)} modules, at most {MODULES}"
        if not ast.get_docstring(trees.get(folder / "__init__.py", ast.Module([], []))):
            yield f"{where}: no __init__.py that says what it is about"
        yield from faults_of_classes(where, modules, trees)


def faults_of_classes(
    where: Path, modules: list[Path], trees: dict[Path, ast.Module]
) -> Iterator[str]:
    """Yield public classes that two modules of one package define."""
    classes: dict[str, Path] = {}
    for path in modules:
        for node in trees[path].body:
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            if node.name in classes:
                both = f"{classes[node.name].name} and {path.name}"
                yield f"{where}: class {node.name} has two meanings: {both}"
            classes[node.name] = path


def faults() -> list[str]:
    """Return all faults of the product's code."""
    paths = [path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.py"))]
    sources = {path: path.read_text(encoding="utf-8") for path in paths}
    trees = {path: ast.parse(source) for path, source in sources.items()}
    problems = [
        fault
        for path in paths
        for fault in faults_of_file(path, trees[path], sources[path].count("\n"))
    ]
    return [*problems, *faults_of_folders(paths, trees)]


def main() -> None:
    problems = faults()
    print("\n".join(problems) if problems else "The rules of the house are kept.")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
