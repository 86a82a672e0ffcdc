"""A list without entries: a sentence for a person, `[]` for a program."""

import pytest

from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY
from tests.support.installation import EXAMPLE

LISTS = {
    "token list": "there is no token",
    "parked list": "no delivery is parked, sidelined or waiting for a replay",
    "quarantine list": "nothing in quarantine waits for a person",
    "quarantine list --state dropped": "there is none",
    "sends list": "no message is in doubt",
    "files list": "no file needs attention",
    "files list --state lost": "no file is in the state lost",
    "rules list": "nog geen versie heeft een bericht beoordeeld",
    "rules list --lang en": "no version has decided a message yet",
    "archive aside list": "no message is aside",
    "archive disclosure list": "there is no disclosure",
    "archive hold list": "no hold matches",
    "archive request list": "no request matches",
}
ROWS = {
    "archive views --token x": "no view matches",
    "archive processing --since 2026-11-01": "nothing was done in this period",
}
"""Commands that print a JSON object for each row."""
UNKNOWN = {
    "parked list --destination nosuch": "--destination: there is no 'nosuch'; there is crm",
    "parked drop --tenant almeloo --reason x": "--tenant: there is no 'almeloo'; there is almelo",
    "sends list --number 123": "--number: there is no '123'; there is ",
}
"""Commands about what is not in the configuration."""


def test_list_without_entries_says_so(fresh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTKAMER_CONFIG", raising=False)
    env = {"POSTKAMER_DATABASE_URL": fresh, "POSTKAMER_ARCHIVE_KEY": KEY}
    for line, sentence in (LISTS | ROWS).items():
        done = postkamer(*line.split(), env=env)
        assert (done.exit_code, done.output) == (0, f"{sentence}\n")
        done = postkamer(*line.split(), "--json", env=env)
        assert (done.exit_code, done.output) == (0, "" if line in ROWS else "[]\n")


def test_unknown_id_is_named_instead_of_an_empty_list(fresh: str) -> None:
    env = {"POSTKAMER_DATABASE_URL": fresh, "POSTKAMER_CONFIG": str(EXAMPLE)}
    for line, fault in UNKNOWN.items():
        done = postkamer(*line.split(), env=env)
        assert (done.exit_code, done.stdout) == (2, "") and done.stderr.startswith(fault)
        without = postkamer(*line.split(), env=env | {"POSTKAMER_CONFIG": ""})
        assert without.exit_code == 0
