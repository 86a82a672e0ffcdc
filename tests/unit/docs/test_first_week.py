"""The page about the first week, followed step by step: its changes are made in a copy of the
example, and each command answers what the page says.

A block of `diff` changes files, one of `toml` is a new file, and one of `sh` is typed. The lines of
a block of `text` stand in the answers, in their order; it may leave lines out, but no decision, no
fault, and no warning that the page has not shown yet.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.check import shadowed
from cli.main import main
from cli.routing import explanation
from cli.support.configuration import EXAMPLE
from cli.support.language import LANGUAGE
from router.ruleset.validation import rules_for
from services import clock
from services.config import loader
from services.config.model import Configuration

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "municipality" / "first-week.md").read_text()
NOW = datetime(2026, 12, 2, 11, tzinfo=UTC)
STEP = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^--- (.*)\n", re.MULTILINE)
LINE = re.compile(r":\d+:")
"""Line of a file in a fault or a warning, which changes with every comment of the example."""
DECIDED = re.compile(r".+ \([a-z-]+\): |not decided yet: |(fault|warning): |\d+ faults?, ")
"""Line of an answer that the page may not leave out."""


class Week:
    """A folder in which the page is followed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        self._answers, self._known = list[str](), set[str]()

    def follow(self, kind: str, block: str) -> None:
        getattr(self, f"_{kind}")(block)

    def _sh(self, block: str) -> None:
        assert self._answers == [], "the page does not say what a command answers"
        with self._patch.context() as patch:
            once(patch, loader, "load", lambda path, **_: path)
            once(patch, explanation, "build_context", lambda loaded, *_, **__: loaded.version)
            self._type(block)

    def _type(self, block: str) -> None:
        for line in block.splitlines():
            first, *words = shlex.split(line)
            if first == "cd":
                self.folder /= words[0]
                os.chdir(self.folder)
            elif first == "export":
                os.environ.update([words[0].split("=")])
            elif first == "postkamer":
                self._answers += CliRunner().invoke(main, words).output.splitlines()
            else:
                subprocess.run(["bash", "-c", line], cwd=self.folder, check=True)

    def _text(self, block: str) -> None:
        shown = [LINE.sub(":N:", line) for line in block.splitlines()]
        answered = [LINE.sub(":N:", line) for line in self._answers]
        rest = iter(answered)
        assert [line for line in shown if line not in rest] == [], "\n".join(self._answers)
        self._known |= {line for line in shown if line.startswith("warning: ")}
        told = self._known.union(shown)
        assert [line for line in answered if DECIDED.match(line) and line not in told] == []
        self._answers = []

    def _diff(self, block: str) -> None:
        _, *changes = FILE.split(block)
        for name, hunks in zip(changes[::2], changes[1::2], strict=True):
            file = self.folder / name
            text = file.read_text()
            for hunk in re.split(r"^@@\n", hunks, flags=re.MULTILINE):
                before, after = "".join(lines(hunk, "-")), "".join(lines(hunk, "+"))
                assert text.count(before) == 1, (
                    f"{name} has this {text.count(before)} times:\n{before}"
                )
                text = text.replace(before, after)
            file.write_text(text)

    def _toml(self, block: str) -> None:
        name, _, text = block.removeprefix("# ").partition("\n")
        assert not (self.folder / name).exists()
        (self.folder / name).write_text(text)


def once(patch: pytest.MonkeyPatch, module: Any, name: str, key: Callable[..., Any]) -> None:
    """Let a pure function of a module answer once for each key."""
    asked, found = getattr(module, name), dict[Any, Any]()

    def answer(*args: Any, **kwargs: Any) -> Any:
        place = key(*args, **kwargs)
        if place not in found:
            found[place] = asked(*args, **kwargs)
        return found[place]

    patch.setattr(module, name, answer)


def rules_tried(config: Configuration) -> tuple[Any, ...]:
    """Return what the search for rules that never count looks at: a third of this test's time."""
    places = [where for each in config.tenants for where, _ in rules_for(config, each.id)]
    return config.rules, config.care, config.groups, tuple(places)


def lines(hunk: str, sign: str) -> Iterator[str]:
    """Yield the lines of one side of a hunk: those with its sign, and those without any."""
    yield from (line[1:] or "\n" for line in hunk.splitlines(True) if line[:1] in (sign, " ", "\n"))


@pytest.mark.slow
def test_town_is_made_out_of_the_example_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setenv(LANGUAGE, "nl")
    monkeypatch.delenv("POSTKAMER_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    find = shadowed.find_warnings
    monkeypatch.setattr(shadowed, "find_warnings", lambda config: [*find(config)])
    once(monkeypatch, shadowed, "find_warnings", rules_tried)
    once(monkeypatch, loader, "toml", lambda text, path: (text, path))
    week = Week(tmp_path, monkeypatch)
    for title, text in STEP.findall(PAGE):
        for kind, block in BLOCK.findall(text):
            print(f"{title}: {kind}")
            week.follow(kind, block)
    for rules in (EXAMPLE.parent / "rules").iterdir():
        assert rules.read_bytes() == (week.folder / "rules" / rules.name).read_bytes()


def test_no_rule_of_the_example_has_words_with_the_name_of_its_town() -> None:
    rules = "".join(file.read_text() for file in (EXAMPLE.parent / "rules").iterdir())
    used = [line for line in rules.splitlines() if not line.startswith("#")]
    assert [line for line in used if "voorbeeldstad" in line.casefold()] == []
