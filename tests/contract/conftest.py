"""The sandbox for a test, and the documents that it is compared with."""

from collections.abc import AsyncIterator

import pytest

from tests.support.published_openapi import META, OPEN_KLANT, require
from tests.support.sandbox_world import World, world


@pytest.fixture
async def sandbox() -> AsyncIterator[World]:
    async with world() as started:
        yield started


@pytest.fixture(scope="session")
def meta_openapi() -> None:
    require(META)


@pytest.fixture(scope="session")
def open_klant_openapi() -> None:
    require(OPEN_KLANT)
