"""The desk in a real browser: by keys alone, seen at colleagues at once, without faults for axe."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support.browser.page import IN_CHROMIUM, take_picture, violations
from tests.support.desk.town import with_desk
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation, installed
from tests.support.observer import Watch

pytestmark = IN_CHROMIUM
SIZES = {"wide": (1280, 800), "phone": (360, 740), "zoomed": (640, 400)}
"""The last one is a window of 1280 by 800 in which everything is twice as large."""
SEEN_SECONDS = 2.0
"""Longest time until a colleague sees a change."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder: Path = tmp_path_factory.mktemp("town")
    with installed(folder, with_desk, has_desk=True) as installation:
        yield installation


@asynccontextmanager
async def employee(
    browser: Browser, town: Installation, person: str, **options: Any
) -> AsyncIterator[Page]:
    """A browser of its own, in which somebody has logged in by keys."""
    context: BrowserContext = await browser.new_context(locale="nl-NL", **options)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    await page.goto(f"{town.desk}/inbox")
    await page.get_by_role("button", name=person).press("Enter")
    await expect(page).to_have_url(f"{town.desk}/inbox")
    await ready(page)
    try:
        yield page
        assert errors == []
    finally:
        await context.close()


async def ready(page: Page) -> None:
    """Wait until the page hears keys: its script shows the button that lists them."""
    await page.locator("[data-opens=keys]").wait_for(state="visible")


@asynccontextmanager
async def citizen(town: Installation, number: str) -> AsyncIterator[Phone]:
    async with aiohttp.ClientSession() as session:
        yield Phone(Watch(town, session), session, number)


async def test_two_employees_see_it_at_once_and_one_answers_by_keys_alone(
    browser: Browser, town: Installation
) -> None:
    async with (
        citizen(town, "31600000811") as fatima,
        employee(browser, town, "Lotte") as lotte,
        employee(browser, town, "Murat") as murat,
    ):
        await fatima.writes("Mijn paspoort is gestolen")
        for each in (lotte, murat):
            await expect(each.get_by_text("Mijn paspoort is gestolen")).to_be_visible()
        await lotte.keyboard.press("j")
        await lotte.keyboard.press("Enter")
        await lotte.locator("#text").wait_for()
        await ready(lotte)
        began = time.monotonic()
        await lotte.keyboard.press("t")
        await expect(murat.get_by_text("bij l.hendriks")).to_be_visible(timeout=SEEN_SECONDS * 1000)
        assert time.monotonic() - began < SEEN_SECONDS

        await expect(lotte.get_by_role("button", name="Geef terug")).to_be_visible()
        await ready(lotte)
        await lotte.keyboard.press("a")
        await lotte.keyboard.type("Doe eerst aangifte bij de politie.")
        await lotte.keyboard.press("Control+Enter")
        await expect(lotte.locator(".desk-bubble--ours")).to_contain_text("Doe eerst aangifte")
        await expect(lotte.locator("#text")).to_have_value("")
        await expect(
            lotte.get_by_text("gelezen").or_(lotte.get_by_text("aangekomen"))
        ).to_be_visible()
        await fatima.writes("Dank u, dat doe ik")
        await expect(lotte.get_by_text("Dank u, dat doe ik")).to_be_visible()


async def test_keys_are_listed_and_the_list_closes(browser: Browser, town: Installation) -> None:
    async with employee(browser, town, "Lotte") as page:
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Toetsen")).to_be_visible()
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_script_of_a_citizen_is_text(browser: Browser, town: Installation) -> None:
    """In a message and in a name, in the list and in the conversation."""
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script> paspoort {{ 7*7 }}"
    async with (
        citizen(town, "31600000812") as mallory,
        employee(browser, town, "Lotte") as page,
    ):
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        await mallory.writes(attack, name="<b onmouseover=alert(3)>Mallory")
        item = page.get_by_text("<img src=x")
        await expect(item).to_contain_text("{{ 7*7 }}")
        await page.get_by_role("link", name="Mallory").press("Enter")
        await expect(
            page.locator(".desk-text", has_text="<script>alert(2)</script>")
        ).to_be_visible()
        await expect(
            page.get_by_role("heading", name="<b onmouseover=alert(3)>Mallory")
        ).to_be_visible()
        assert dialogs == []
        assert "paspoort" not in page.url + await page.title()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_have_no_fault(
    browser: Browser, town: Installation, size: str, scheme: Any
) -> None:
    width, height = SIZES[size]
    view = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    async with (
        citizen(town, "31600000813") as fatima,
        employee(browser, town, "Lotte", **view) as page,
    ):
        await fatima.writes(f"Waar vraag ik een paspoort aan ({size}, {scheme})?")
        asked = page.get_by_text(f"({size}, {scheme})")
        await expect(asked.first).to_be_visible()
        for language in ("nl", "en"):
            await check(page, f"desk-inbox-{size}-{scheme}-{language}", width)
            other = "English" if language == "nl" else "Nederlands"
            await page.get_by_role("button", name=other).press("Enter")
        await page.locator(".desk-item-link").first.press("Enter")
        await expect(page.locator(".desk-text").first).to_be_visible()
        for each in await page.locator("summary").all():
            await each.press("Enter")
        await check(page, f"desk-conversation-{size}-{scheme}", width)


@pytest.mark.parametrize(
    ("size", "scheme"), [("wide", "light"), ("phone", "dark"), ("zoomed", "light")]
)
async def test_pages_of_the_archivist_and_privacy_officer_have_no_fault(
    browser: Browser, town: Installation, size: str, scheme: Any
) -> None:
    width, height = SIZES[size]
    view = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    name = f"{size}-{scheme}"
    async with (
        citizen(town, "31600000814") as fatima,
        employee(browser, town, "Wim", **view) as page,
    ):
        await fatima.writes(f"Ik wil een paspoort ({size}, {scheme})")
        await page.get_by_text(f"({size}, {scheme})").first.wait_for()
        await page.goto(f"{town.desk}/archive/search")
        await page.get_by_label("Woorden").fill("paspoort")
        await page.get_by_label("Waarom").fill("controle")
        await page.get_by_label("Waarom").press("Enter")
        await expect(page.get_by_role("heading", name="gevonden")).to_be_visible()
        await check(page, f"desk-search-{name}", width)
        await page.get_by_role("button", name="Lees het gesprek").first.press("Enter")
        await expect(page.locator(".desk-bubble").first).to_be_visible()
        await check(page, f"desk-archived-{name}", width)
        await check_requests(page, town, name, width)
        await check_views(page, town, name, width)


async def check_requests(page: Page, town: Installation, name: str, width: int) -> None:
    """A request from its registration to the report about its person."""
    await page.goto(f"{town.desk}/archive/requests")
    await page.get_by_label("Op welke dag").fill("2026-01-02")
    await page.get_by_label("Telefoonnummer").fill("+31600000814")
    await page.get_by_role("button", name="Leg vast").press("Enter")
    await expect(page.get_by_role("button", name="Toon het verzoek")).to_be_visible()
    await check(page, f"desk-reason-{name}", width)
    await page.get_by_role("button", name="Toon het verzoek").press("Enter")
    await expect(page.get_by_role("heading", name="Brief aan de inwoner")).to_be_visible()
    await _open_all(page)
    await check(page, f"desk-request-{name}", width)
    await page.get_by_role("button", name="Toon alles").press("Enter")
    await expect(page.get_by_role("heading", name="Deze persoon")).to_be_visible()
    await _open_all(page)
    await check(page, f"desk-person-{name}", width)
    await page.goto(f"{town.desk}/archive/requests")
    await check(page, f"desk-requests-{name}", width)


async def check_views(page: Page, town: Installation, name: str, width: int) -> None:
    """The views of an employee, and the forms in the other language."""
    await page.goto(f"{town.desk}/archive/views")
    await page.get_by_label("medewerker").fill("w.dekker")
    await page.get_by_label("Waarom").fill("controle")
    await page.get_by_label("Waarom").press("Enter")
    await expect(page.locator(".desk-item").first).to_be_visible()
    await check(page, f"desk-views-{name}", width)
    await page.get_by_role("button", name="English").press("Enter")
    for path in ("search", "people", "requests", "views"):
        await page.goto(f"{town.desk}/archive/{path}")
        await check(page, f"desk-{path}-{name}-en", width)


async def _open_all(page: Page) -> None:
    for each in await page.locator("summary").all():
        await each.press("Enter")


async def check(page: Page, name: str, width: int) -> None:
    await take_picture(page, name)
    assert await violations(page) == []
    scrolled = await page.evaluate("document.documentElement.scrollWidth")
    assert scrolled <= width, "the page is wider than its window"
