"""The sandbox for a test."""

from collections.abc import AsyncIterator

import pytest

from tests.support.sandbox_world import World, world


@pytest.fixture
async def sandbox() -> AsyncIterator[World]:
    async with world() as started:
        yield started
