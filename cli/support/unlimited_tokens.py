"""Tokens that name no department, and so read all of them, confidential ones too."""

from collections.abc import Iterable, Mapping

from services.config import settings
from services.http.grants import parse_label

UNLIMITED = """
select name from access.token where departments = '{}' and not all_departments
    and revoked_at is null and (expires_at is null or expires_at > now())
order by name
"""
"""Names of the valid tokens of that kind in the table."""
READS_ALL = "it names no department, so it reads all of them, confidential ones too"


def narrowing_command(name: str) -> str:
    """Return the command that narrows a token of the table."""
    return f"postkamer token narrow {name} --all-departments"


def narrowing_change(label: str) -> str:
    """Return the change that narrows a token in the environment."""
    return f"write {label}/*:... instead of {label}:..., or {label}/DEPARTMENT+DEPARTMENT:..."


def stored_warnings(names: Iterable[str]) -> list[str]:
    """Return a warning for each of these tokens of the table."""
    return [f"token {name}: {READS_ALL}; {narrowing_command(name)}" for name in names]


def unlimited_labels(environ: Mapping[str, str]) -> list[str]:
    """Return the labels of such tokens in the environment; none if a setting is missing or wrong,
    which a service reports when it starts."""
    try:
        given = settings.load(settings.TokenSettings, environ)
    except settings.SettingsError:
        return []
    tokens = (*given.api_tokens, *given.test_tokens)
    return sorted({label for label, _ in tokens if parse_label(label).reach.is_unlimited})


def label_warnings(environ: Mapping[str, str]) -> list[str]:
    """Return a warning for each such token in the environment."""
    return [
        f"token {label}: {READS_ALL}; {narrowing_change(label)}"
        for label in unlimited_labels(environ)
    ]
