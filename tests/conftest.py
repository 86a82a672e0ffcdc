"""One installation for the tests of a module that ask for it, and a client."""

import gc
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import structlog
from hypothesis import settings

from tests.support.example_count import THOROUGH
from tests.support.installation import Installation, installed
from tests.support.known_types import remember_types
from tests.support.observer import Watch
from tests.support.published_openapi import META, OPEN_KLANT, require
from tests.support.scratch_folder import choose_scratch
from tests.support.working_keys import install_test_keys

install_test_keys()
remember_types()
if scratch := choose_scratch():
    tempfile.tempdir = os.environ["TMPDIR"] = scratch
# Not among what a command prints that runs in this process. A traceback in colours, with the source
# around each line, takes 17 ms and more.
*processors, _ = structlog.get_config()["processors"]
plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(
    processors=[*processors, plain],
    logger_factory=lambda *_: structlog.PrintLogger(sys.__stderr__),
)
os.environ["LC_ALL"] = "C.UTF-8"  # a command speaks the language of the locale
# No deadline: the time that an example takes says something about the machine.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=25)
settings.register_profile(THOROUGH, deadline=None, max_examples=100)
settings.load_profile("ci")  # `--hypothesis-profile=thorough` comes after it


# Eleven thousand tests are objects that stay: to look for cycles among them takes a quarter of the
# time of collecting, and a seventh of the time of the quick tests.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def shared_keys() -> None:
    """A command that ran in this process may have read the keys of another database."""
    install_test_keys()


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


@pytest.fixture(scope="session")
def meta_openapi() -> None:
    require(META)


@pytest.fixture(scope="session")
def open_klant_openapi() -> None:
    require(OPEN_KLANT)
