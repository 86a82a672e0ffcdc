"""The page that shows tasks as ITA does, by keyboard, and as a screen reader finds it."""

import aiohttp
from playwright.async_api import Browser, expect

from sandbox.ita.rules import Unit
from sandbox.openklant.error_responses import BASE
from sandbox.service import run_sandbox
from sandbox.settings import SandboxSettings
from tests.support.browser.page import IN_CHROMIUM, take_picture, violations
from tests.support.openklant.questions import Registry

pytestmark = IN_CHROMIUM

STREETS = Unit("afd", "openbare-ruimte", "Openbare ruimte")
OVERFLOW = "document.scrollingElement.scrollWidth - innerWidth"


async def test_an_employee_answers_forwards_and_finds_no_fault_with_the_page(
    browser: Browser,
) -> None:
    settings = SandboxSettings(port=0, seed=1)
    async with run_sandbox(settings) as sandbox, aiohttp.ClientSession() as http:
        registry = Registry(http, sandbox.url + BASE, settings.openklant_token)
        registry.streets = STREETS
        number = await registry.ask()
        page = await browser.new_page(viewport={"width": 768, "height": 1024}, locale="nl-NL")
        await page.goto(f"{sandbox.url}/ita/")
        await page.get_by_label("Afdeling of groep").select_option(STREETS.name)
        await page.get_by_role("button", name=number).press("Enter")
        task = page.get_by_role("region", name=f"Contactverzoek {number}")
        await expect(task).to_be_focused()
        for shown in ("Kan hij leeg?", "Tot 18 uur", "+31612345678", "Sam"):
            await expect(task.get_by_text(shown)).to_be_visible()
        assert await page.evaluate(OVERFLOW) == 0
        assert await violations(page) == []
        await page.get_by_label("Kanaal").select_option("WhatsApp versturen")
        await page.get_by_label("Informatie voor burger / bedrijf").fill("x" * 1001)
        await page.get_by_role("button", name="Opslaan").press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("UNEXPECTED_ERROR")
        await page.get_by_label("Informatie voor burger / bedrijf").fill("Morgen <b>leeg</b>")
        await page.get_by_role("button", name="Opslaan").press("Enter")
        await expect(task.get_by_text("WhatsApp versturen: Morgen <b>leeg</b>")).to_be_visible()
        await take_picture(page, "ita")
        await page.get_by_label("Naar").select_option("Burgerzaken")
        await page.get_by_role("button", name="Stuur door").press("Enter")
        await expect(page.get_by_text("Geen contactverzoeken")).to_be_visible()
        await page.get_by_label("Afdeling of groep").select_option("Burgerzaken")
        await expect(page.get_by_role("button", name=number)).to_be_visible()
