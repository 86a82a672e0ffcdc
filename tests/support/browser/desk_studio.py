"""The studio in which pictures of the desk are made: a town, a browser and the people in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from tests.support.browser.sheets import save_sheet
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation

DOCS = Path(__file__).parents[3] / "docs" / "images" / "desk"
SIZES = {"wide": (1280, 800), "phone": (360, 740), "zoomed": (640, 400)}
"""The last one is a window of 1280 by 800 in which everything is twice as large."""
WAITING = (
    ("Fatima Yılmaz", "Mijn paspoort is gestolen op vakantie, wat moet ik doen?"),
    ("Jan de Boer", "Op de Marktstraat is een lantaarn stuk, het is er erg donker"),
    ("Thi Nguyen", "Hoe lang duurt een verhuizing doorgeven? En ik heb een aanslag gekregen"),
    ("Willem Bakker", "Wanneer wordt het grofvuil opgehaald?"),
    ("Aisha el Amrani", "Is mijn rijbewijs al klaar?"),
    ("Piet Jansen", "Goedemorgen, bij wie moet ik zijn voor een vergunning?"),
)
"""Names and first messages, the oldest first."""


class Studio:
    """A town with a desk, a browser, and a place for the pictures."""

    def __init__(self, town: Installation, browser: Browser, phone: Phone, whole: Path | None):
        self.town, self.browser, self._phone, self._whole = town, browser, phone, whole
        self.made: list[str] = []

    @asynccontextmanager
    async def employee(self, person: str) -> AsyncIterator[Page]:
        """A browser in which somebody has logged in."""
        context = await self.browser.new_context(locale="nl-NL")
        page = await context.new_page()
        await self.goes(page, "/inbox")
        await page.get_by_role("button", name=person).click()
        await page.wait_for_url(f"{self.town.desk}/inbox")
        yield page
        await context.close()

    async def goes(self, page: Page, path: str) -> None:
        await page.goto(self.town.desk + path)

    async def writes(self, n: int, words: str, **more: Any) -> None:
        """Write as a citizen by their place in `WAITING`; others have no name."""
        names = [name for name, _ in WAITING]
        self._phone.number = f"3160000090{n}"
        more = {"name": names[n]} | more if n < len(names) else more
        await self._phone.writes(words, **more)

    async def show(self, page: Page, name: str, *, again: bool = False, dark: bool = False) -> None:
        """Save a page at each size. `again` loads it at each of them, as its reader does."""
        await page.emulate_media(color_scheme="dark" if dark else "light")
        pictures = []
        for size, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            if again:
                await page.goto(page.url)
            await page.evaluate("document.activeElement?.blur()")
            await settle(page)
            pictures.append(await page.screenshot())
            if self._whole:
                await page.screenshot(path=self._whole / f"{name}-{size}.png", full_page=True)
        save_sheet(DOCS, name, pictures)
        self.made.append(name)
        width, height = SIZES["wide"]
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme="light")


async def settle(page: Page) -> None:
    """Wait until every picture in view is there."""
    await page.evaluate(
        """Promise.all([...document.images].filter((one) => {
          const box = one.getBoundingClientRect();
          return box.bottom > 0 && box.top < innerHeight;
        }).map((one) => one.decode().catch(() => null)))"""
    )
