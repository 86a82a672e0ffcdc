"""After each fault the balance closes: nothing that was decided is lost or left on its way."""

from collections.abc import AsyncIterator

import pytest

from tests.support.faults.closing_balance import balance_closes
from tests.support.installation import Installation


@pytest.fixture(autouse=True)
async def balance(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Wait at the end until the balance of the town closes.

    A module whose services are joined by something of the test has a fixture of this name that
    depends on it, because the balance closes only while it lasts.
    """
    town: Installation | None = None
    if "town" in request.fixturenames:
        town = request.getfixturevalue("town")
    yield
    if town is not None and "foreign_records" not in request.keywords:
        await balance_closes(town)
