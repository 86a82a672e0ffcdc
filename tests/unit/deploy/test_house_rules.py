"""Each rule of the house finds what breaks it, and nothing else."""

import ast
from pathlib import Path

import pytest

from deploy.house_rules import (
    FILE_LINES,
    FUNCTION_LINES,
    MODULES,
    PRODUCT,
    ROOT,
    faults_of_classes,
    faults_of_file,
    faults_of_folder,
    faults_of_words,
    is_relative,
)

SERVICES = ROOT / "services"
FILE = SERVICES / "invented.py"


def faults_of(source: str) -> list[str]:
    return list(faults_of_file(FILE, ast.parse(source), source.count("\n")))


RELATIVE = [
    "What a rule adds.", "Whoever asks.", "Whether it fits.", "Of one message.",
    "To a department.", "By whom it was sent.", "`What` it is.", "In which it decides.",
    "Where files are.", "How many wait.", "Until it is taken.", "As Meta sends it.",
]  # fmt: skip
OTHERS = [
    "Return what a rule adds.", "Department of a conversation.", "By number.", "Asked.",
    "Whatsoever",
]  # fmt: skip


@pytest.mark.parametrize("docstring", [*RELATIVE, *OTHERS, ""])
def test_docstring_that_opens_with_a_relative_clause_is_found(docstring: str) -> None:
    assert is_relative(docstring) is (docstring in RELATIVE)


@pytest.mark.parametrize(
    "source",
    [
        '"""What it is."""\n',
        'def f():\n    """What it does."""\n',
        'class C:\n    a: int\n    """What it holds."""\n',
        'A = 1\n"""What it counts."""\n',
    ],
)
def test_docstring_of_every_kind_is_read(source: str) -> None:
    [fault] = faults_of(source)
    assert "relative clause" in fault


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("test_what_is_due_is_told", 1),
        ("test_who_asks_is_told", 1),
        ("test_whoever_asks_is_told", 1),
        ("test_whole_body_is_kept", 0),
        ("test_timer_tells_what_is_due", 0),
    ],
)
def test_test_that_is_not_named_by_its_subject_is_found(name: str, found: int) -> None:
    tree = ast.parse(f"async def {name}() -> None: ...")
    assert len(list(faults_of_words(ROOT / "tests" / "invented.py", tree))) == found


def test_packages_of_the_product_are_read_from_the_tree() -> None:
    assert {"services", "router", "deploy", "bench"} <= set(PRODUCT)
    assert "tests" not in PRODUCT


def test_text_that_is_no_docstring_is_ignored() -> None:
    assert faults_of('A = "What it is."\nprint("Whether it is.")\n') == []


@pytest.mark.parametrize(("lines", "found"), [(FUNCTION_LINES, 0), (FUNCTION_LINES + 1, 1)])
def test_function_may_not_be_too_long(lines: int, found: int) -> None:
    assert len(faults_of("def f():\n" + "    pass\n" * (lines - 1))) == found


@pytest.mark.parametrize(("lines", "found"), [(FILE_LINES, 0), (FILE_LINES + 1, 1)])
def test_file_may_not_be_too_long(lines: int, found: int) -> None:
    assert len(faults_of("pass\n" * lines)) == found


@pytest.mark.parametrize(("count", "found"), [(MODULES, 0), (MODULES + 1, 1)])
def test_folder_may_not_have_too_many_modules(count: int, found: int) -> None:
    modules = [SERVICES / f"m{n}.py" for n in range(count)]
    assert len(list(faults_of_folder(SERVICES, [SERVICES / "__init__.py", *modules]))) == found


def test_folder_without_a_description_is_found() -> None:
    [fault] = faults_of_folder(SERVICES, [FILE])
    assert "__init__.py" in fault


@pytest.mark.parametrize(
    "source",
    [
        "class C: ...",
        "if DEBUG:\n    class C: ...",
        "try:\n    import a\nexcept ImportError:\n    class C: ...",
    ],
)
def test_class_in_two_modules_of_a_folder_is_found(source: str) -> None:
    trees = {Path("a.py"): ast.parse("class C: ..."), Path("b.py"): ast.parse(source)}
    [fault] = faults_of_classes(SERVICES, trees)
    assert "class C has two meanings: a.py and b.py" in fault


def test_private_class_in_two_modules_of_a_folder_is_found() -> None:
    trees = {Path(name): ast.parse("class _Own: ...") for name in ("a.py", "b.py")}
    assert len(list(faults_of_classes(SERVICES, trees))) == 1


@pytest.mark.parametrize(
    "source",
    ["class D:\n    class C: ...", "def f():\n    class C: ...", "class D: ...\nclass D: ..."],
)
def test_class_of_another_class_or_function_or_of_the_same_module_is_ignored(source: str) -> None:
    trees = {Path("a.py"): ast.parse("class C: ..."), Path("b.py"): ast.parse(source)}
    assert list(faults_of_classes(SERVICES, trees)) == []
