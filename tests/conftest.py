"""One installation for the tests of a module that ask for it, and a client."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.installation import Installation, installed
from tests.support.observer import Watch


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder: Path = tmp_path_factory.mktemp("town")
    with installed(folder) as installation:
        yield installation


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


@pytest.fixture
def watch(town: Installation, session: aiohttp.ClientSession) -> Watch:
    return Watch(town, session)
