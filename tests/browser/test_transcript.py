"""The page of a transcript in a browser: accessible, within its window, and asking nobody."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from archiver.transcript.page import render_page
from tests.support.archiver.transcripts import (
    PHOTO,
    Story,
    arabic,
    contents_of,
    ordinary,
    transcript_of,
)
from tests.support.browser.page import IN_CHROMIUM, violations

pytestmark = IN_CHROMIUM
STORIES = {"ordinary": ordinary(), "arabic": arabic()}


async def opened(browser: Browser, folder: Path, story: Story, width: int) -> Page:
    """The page as somebody opens it who saved it."""
    contents = contents_of(story.records, PHOTO.read_bytes(), "image/png")
    file = folder / "gesprek.html"
    file.write_bytes(render_page(transcript_of(story, contents, is_partial=True)))
    context = await browser.new_context(viewport={"width": width, "height": 740})
    page = await context.new_page()
    await page.goto(file.as_uri())
    return page


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("name", STORIES)
async def test_saved_page_is_accessible_and_asks_nobody(
    browser: Browser, tmp_path: Path, name: str, width: int
) -> None:
    asked: list[str] = []
    page = await opened(browser, tmp_path, STORIES[name], width)
    page.on("request", lambda request: asked.append(request.url))
    await page.reload()
    assert await violations(page) == []
    root = "document.documentElement"
    assert await page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    assert await page.evaluate("[...document.images].every((one) => one.naturalWidth > 0)")
    assert {each.partition(":")[0] for each in asked} <= {"file", "data"}
    assert [each for each in asked if each.startswith("file")] == [page.url]
    assert await page.evaluate("document.scripts.length") == 0
    await page.context.close()
