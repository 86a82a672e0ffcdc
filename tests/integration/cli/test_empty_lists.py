"""A list without entries: a sentence for a person, `[]` for a program."""

import pytest

from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY

LISTS = {
    "token list": "there is no token",
    "parked list": "no delivery is parked, sidelined or waiting for a replay",
    "sends list": "no message is in doubt",
    "files list": "no file needs attention",
    "files list --state lost": "no file is in the state lost",
    "rules list": "nog geen versie heeft een bericht beoordeeld",
    "rules list --lang en": "no version has decided a message yet",
    "archive aside list": "no message is aside",
    "archive request list": "no request matches",
}
ROWS = {
    "archive views --token x": "no view matches",
    "archive processing --since 2026-11-01": "nothing was done in this period",
}
"""Commands that print a JSON object for each row."""


def test_list_without_entries_says_so(fresh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTKAMER_CONFIG", raising=False)
    env = {"POSTKAMER_DATABASE_URL": fresh, "POSTKAMER_ARCHIVE_KEY": KEY}
    for line, sentence in (LISTS | ROWS).items():
        done = postkamer(*line.split(), env=env)
        assert (done.exit_code, done.output) == (0, f"{sentence}\n")
        done = postkamer(*line.split(), "--json", env=env)
        assert (done.exit_code, done.output) == (0, "" if line in ROWS else "[]\n")
