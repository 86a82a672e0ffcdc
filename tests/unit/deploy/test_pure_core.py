"""Each rule of the pure core finds what breaks it, and nothing else."""

import ast

import pytest

from deploy.pure_core import ROOT, URLLIB_DOOR, faults_of_module, load_contract, module_name

PURE = ["router.rules"]


def faults_of(module: str, source: str) -> list[str]:
    return list(faults_of_module(module, ast.parse(source), PURE))


@pytest.mark.parametrize(
    "call", ["open('f')", "path.read_text()", "path.write_bytes(b'')", "path.open()", "p.iterdir()"]
)
def test_call_that_reads_or_writes_a_file_is_found_in_the_pure_core_only(call: str) -> None:
    assert faults_of("router.rules.engine", f"\n{call}\n") == [
        f"router.rules.engine:2: {ast.unparse(ast.parse(call)).split('(')[0].split('.')[-1]}()"
        " in the pure core"
    ]
    assert faults_of("router.rules_store", call) == []


@pytest.mark.parametrize("docstring", ["Rules. Pure.", "Rules.\nPure.", "Rules. Pure.\n\nMore."])
def test_module_that_says_pure_without_a_contract_is_found(docstring: str) -> None:
    [fault] = faults_of("router.store", f'"""{docstring}"""')
    assert "router.store: says 'Pure.'" in fault
    assert faults_of("router.rules.engine", f'"""{docstring}"""') == []


def test_module_that_says_pure_of_something_else_is_ignored() -> None:
    assert faults_of("router.store", '"""Pure. Rules of a store."""') == []


@pytest.mark.parametrize(
    "source",
    [
        "import urllib.request",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import urllib",
    ],
)
def test_urllib_is_found_except_at_its_door(source: str) -> None:
    assert len(faults_of("router.store", source)) == 1
    assert faults_of(URLLIB_DOOR, source) == []


@pytest.mark.parametrize(
    "source", ["import urllib.parse", "from urllib.parse import quote", "from urllib import parse"]
)
def test_urllib_parse_is_allowed(source: str) -> None:
    assert faults_of("router.store", source) == []


def test_contract_names_files_that_exist() -> None:
    packages, pure = load_contract()
    for module in [*packages, *pure]:
        path = ROOT.joinpath(*module.split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file(), module


def test_module_of_a_package_is_the_package() -> None:
    assert module_name(ROOT / "services" / "toml" / "__init__.py") == "services.toml"
