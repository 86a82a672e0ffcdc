"""The pages of the APIs' documents, narrow and wide, light and dark: axe-core finds nothing."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

import archiver.openapi
import gateway.api_docs.document
from services.api.docs_page import routes
from services.http.application import api_app
from services.http.server import serve
from tests.support.browser.page import IN_CHROMIUM, take_picture, violations

pytestmark = IN_CHROMIUM

CONTRAST = "color-contrast"
MARK_LOOKS = """(() => {
  const look = (one) => (one ? `${look(one.parentElement)} ${one.tagName}.${one.className}` : "");
  const seen = new Set();
  for (const one of document.body.querySelectorAll("*")) {
    if (![...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const key = `${look(one)} ${getComputedStyle(one).color}`;
    if (!seen.has(key)) one.dataset.look = "";
    seen.add(key);
  }
  return seen.size;
})()"""
"""Mark one text of each look. manual.css chooses by element and class alone, so texts with the same
of both up to the root have the same colours; of thousands on a page, some thirty differ."""
JUDGED_WHOLE = {("gateway", 320), ("record", 1280)}
"""Last word of a title, and width, at which axe judges more than colours: each document once, and
each width once. A document has the same elements at both; each look takes ten seconds."""
DOCUMENTS = {"gateway": gateway.api_docs.document.document, "archiver": archiver.openapi.document}


@pytest_asyncio.fixture(params=DOCUMENTS, loop_scope="module")
async def page(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[Page]:
    """A page, opened at the top: it complains of nothing and asks for nothing else."""
    served = api_app(routes(DOCUMENTS[request.param]))
    async with serve(served, "127.0.0.1", 0) as port:
        opened = await browser.new_page()
        errors: list[str] = []
        opened.on("console", lambda line: errors.append(line.text))
        asked: list[str] = []
        opened.on("request", lambda sent: asked.append(sent.url))
        await opened.goto(f"http://127.0.0.1:{port}/v1/openapi.html")
        yield opened
        assert errors == []
        assert {url.partition("#")[0] for url in asked} <= {opened.url.partition("#")[0]}
        await opened.close()


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
async def test_api_manual_fits_its_window_and_axe_finds_nothing(
    page: Page, width: int, scheme: str
) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    title = (await page.title()).split()[2]
    if (title, width) in JUDGED_WHOLE:
        assert await violations(page, rules={CONTRAST: {"enabled": False}}) == []
    assert await page.evaluate(MARK_LOOKS) > 20
    assert await violations(page, "'[data-look]'", runOnly=[CONTRAST]) == []
    await take_picture(page, f"manual-{title}-{width}-{scheme}")


async def test_first_tab_on_the_api_manual_skips_to_the_operations(page: Page) -> None:
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the operations")).to_be_focused()
    await expect(page.get_by_role("link", name="Skip to the operations")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()


async def test_api_manual_opens_an_example_by_key_and_has_targets_large_enough(page: Page) -> None:
    summary = page.locator("main summary").first
    example = page.locator("main details pre").first
    await expect(example).to_be_hidden()
    await summary.press("Enter")
    await expect(example).to_be_visible()
    small = await page.evaluate(
        "[...document.querySelectorAll('summary, nav a')]"
        ".filter((one) => one.getBoundingClientRect().height < 24).length"
    )
    assert small == 0


async def test_printed_api_manual_shows_every_example(page: Page) -> None:
    await page.emulate_media(media="print")
    await expect(page.locator("details pre").first).to_be_visible()


async def test_contents_of_the_api_manual_stay_beside_what_a_key_opens(page: Page) -> None:
    await page.set_viewport_size({"width": 1280, "height": 800})
    contents = page.get_by_role("navigation", name="Contents")
    link = contents.get_by_role("link", name="Read this document")
    await link.press("Enter")
    await expect(page.locator("#readDocument")).to_be_in_viewport()
    await expect(link).to_be_in_viewport()
    await contents.locator("summary").press("Enter")
    await contents.get_by_role("link", name="Problem", exact=True).press("Enter")
    await expect(page.locator("#Problem")).to_be_in_viewport()
    await take_picture(page, f"manual-{(await page.title()).split()[2]}-contents")
