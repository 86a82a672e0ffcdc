"""The page of secrets has every secret of the settings and of the configuration, with its test."""

import re

from pydantic import BaseModel

from cli.check.secret_purposes import SETTINGS
from services.config import settings
from services.config.model import Configuration
from services.config.secret_files import AT_START, FOLLOWED
from services.files.object_store import KEYS
from services.servers.logins import LOGINS
from tests.unit.docs.test_compliance import ROOT, SPAN, is_test, models, rows

PAGE = ROOT / "docs" / "operators" / "secrets.md"
ROWS = [row for row in rows(PAGE.read_text()) if "secret" in row.cells]
"""Rows of the table of secrets."""
NO_TEST = re.compile(r"none: (?:\S+ ){2,}\S+")
OWN_TABLE = {"OAuth": "oauth.client_secret", "Handover": "handover.client_secret"}
"""Table of the configuration -> its secret, as the page names it."""


def secret_settings() -> set[str]:
    """Return each field of a model of settings that holds a secret."""
    kinds = (kind for kind in vars(settings).values() if isinstance(kind, type))
    return {
        name
        for kind in kinds
        if issubclass(kind, BaseModel)
        for name, field in kind.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }


def secret_fields() -> set[str]:
    """Return each field of the configuration that may name a variable with a secret or a path."""
    return {
        OWN_TABLE.get(model.__name__, name)
        for model in models(Configuration)
        for name, field in model.model_fields.items()
        if "env:" in repr(field) or "_require_name" in repr(field)
    }


def test_page_has_every_secret_of_the_settings_once() -> None:
    named = [name for row in ROWS for name in SPAN.findall(row.name) if name.isupper()]
    expected = {f"POSTKAMER_{name.upper()}" for name in secret_settings()} | SETTINGS.keys()
    assert len(expected) > 15
    assert sorted(named) == sorted(expected)


def test_page_has_every_secret_of_the_configuration() -> None:
    named = {name for row in ROWS for name in SPAN.findall(row.name)}
    fields = secret_fields()
    assert {"secret", "secrets", "oauth.client_secret", "client_key"} <= fields
    assert fields - named == set()


def test_each_secret_has_tests_that_exist_or_a_reason() -> None:
    for row in ROWS:
        cell, tests = row.cells["test"], SPAN.findall(row.cells["test"])
        assert [each for each in tests if not is_test(each)] == [], row.name
        assert tests or NO_TEST.fullmatch(cell), row.name


def test_page_calls_for_a_restart_where_services_follow_no_file() -> None:
    passwords = {f"{LOGINS[name]}_password" for name in LOGINS.keys() & FOLLOWED}
    followed = {f"POSTKAMER_{name.upper()}" for name in FOLLOWED | passwords} | KEYS.keys()
    by_name = {
        name: row.cells["exchanged"]
        for row in ROWS
        for name in SPAN.findall(row.name)
        if name.isupper()
    }
    restarted = {name for name, how in by_name.items() if how.startswith("restart")}
    at_once = {name for name, how in by_name.items() if how.startswith(("two", "one", "gap"))}
    assert at_once == followed
    assert {"POSTKAMER_ARCHIVE_KEY", "POSTKAMER_WORKING_KEY"} <= restarted
    assert AT_START.partition(":")[0] in PAGE.read_text()
