"""A configuration of its own for each test."""

from pathlib import Path

import pytest

from tests.support.cli.command_line import SETTINGS, TOML


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration, and an environment that says nothing of ours."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("POSTKAMER_CONFIG", raising=False)
    path = tmp_path / "postkamer.toml"
    path.write_text(TOML)
    return path
