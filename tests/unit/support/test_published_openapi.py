"""A published document that is missing is never passed over in silence."""

from pathlib import Path

import pytest

from tests.support.published_openapi import require

NOWHERE = Path("/nowhere/meta.yaml")


def test_missing_document_fails_its_tests_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"meta\.yaml is not in \.\./shared/contracts"):
        require(NOWHERE)


def test_missing_document_skips_its_tests_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"meta\.yaml is not in \.\./shared/contracts"):
        require(NOWHERE)
