"""One Chromium for the tests of a module; each test opens a context of its own in it."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.browser.page import chromium

LONGEST_WAIT = 15_000.0
"""Milliseconds for a page to show what is expected: the machine has other tests to run."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=LONGEST_WAIT)
    async with chromium() as started:
        yield started
