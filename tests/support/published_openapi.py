"""OpenAPI documents that Meta and Open Klant publish; they are not part of the project."""

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "contracts"
META = FOLDER / "meta-business-messaging-api_v23.0.yaml"
OPEN_KLANT = FOLDER / "open-klant-klantinteracties-0.9.0.yaml"


def require(document: Path) -> None:
    """Skip the test where the document is missing; fail it in CI, where nothing may go untested."""
    if document.exists():
        return
    missing = f"the OpenAPI document {document.name} is not in ../shared/contracts"
    if os.environ.get("CI"):
        pytest.fail(f"{missing}: CI must compare with it", pytrace=False)
    pytest.skip(missing)
