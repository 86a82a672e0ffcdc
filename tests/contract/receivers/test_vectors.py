"""The table of signatures for builders of receivers: it is true, and the examples agree with it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.receivers.program import EXAMPLES
from tests.support.receivers.vectors import ONE, table

VECTORS = EXAMPLES / "vectors.tsv"
JAVA = EXAMPLES / "java" / "src"
QUICK = "-XX:TieredStopAtLevel=1"
"""Starts a JVM in half the time, for it compiles little."""


def python_check(_: Path) -> list[str]:
    return [sys.executable, str(EXAMPLES / "python" / "check_vectors.py")]


def dotnet_check(folder: Path) -> list[str]:
    project = shutil.copytree(EXAMPLES / "dotnet", folder / "dotnet")
    return ["dotnet", "run", "--project", str(project), "--", "check-vectors"]


def java_check(folder: Path) -> list[str]:
    names = ("main/java/receiver/Signature.java", "test/java/receiver/CheckVectors.java")
    subprocess.run(
        ["javac", "-J-XX:TieredStopAtLevel=1", "-d", folder, *(JAVA / name for name in names)],
        check=True,
    )
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", str(folder), "receiver.CheckVectors"]


CHECKS = {"python": python_check, "dotnet": dotnet_check, "javac": java_check}
"""Program that each check needs, and its command."""


def test_table_is_what_the_deliverer_signs() -> None:
    assert VECTORS.read_text(encoding="utf-8") == table()


@pytest.mark.slow
@pytest.mark.parametrize("program", CHECKS)
def test_example_differs_from_the_table_only_where_the_table_is_wrong(
    program: str, tmp_path: Path
) -> None:
    if program != "python" and shutil.which(program) is None:
        pytest.skip(f"{program} is not on this machine")
    vectors = tmp_path / "vectors.tsv"
    wrong = ONE._replace(case="wrong", verdict="invalid").line()
    vectors.write_text(f"{table()}{wrong}\n", encoding="utf-8")
    run = [*CHECKS[program](tmp_path), str(vectors)]
    ended = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=False)
    count = len(vectors.read_text(encoding="utf-8").splitlines()) - 1
    assert ended.stdout.splitlines() == ["differs: wrong", f"{count} signatures, 1 differ"]
    assert ended.returncode == 1 and count > 30
