"""Pages of the sandbox beside the first: tasks as ITA shows them, and the choice of who logs in.

By keyboard, and as a screen reader finds them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from playwright.async_api import Browser, expect

from sandbox.identity.people import PEOPLE
from sandbox.ita.rules import Unit
from sandbox.openklant.error_responses import BASE
from sandbox.service import run_sandbox
from sandbox.settings import SandboxSettings
from services.http.server import serve
from tests.support.browser.page import IN_CHROMIUM, take_picture, violations
from tests.support.openklant.questions import Registry
from tests.support.sandbox_login import login_url

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


@asynccontextmanager
async def desk_of_another_site() -> AsyncIterator[tuple[str, list[str]]]:
    """Address of a desk that sends the browser to log in at a sandbox, and the issuer there."""
    provider: list[str] = []

    async def start(_: web.Request) -> web.Response:
        link = f'<a href="{login_url(provider[0], desk)}">Inloggen</a>'.replace("&", "&amp;")
        return web.Response(text=link, content_type="text/html")

    async def come_back(request: web.Request) -> web.Response:
        asked = request.query
        return web.Response(text=f"{asked['state']} {asked['iss']} {len(asked['code'])}")

    app = web.Application()
    app.router.add_get("/", start)
    app.router.add_get("/login/callback", come_back)
    async with serve(app, "127.0.0.1", 0) as port:
        desk = f"http://localhost:{port}"
        async with run_sandbox(SandboxSettings(port=0, desk_url=desk)) as sandbox:
            provider.append(f"{sandbox.url}/identity")
            yield desk, provider


async def test_person_is_chosen_with_keys_and_comes_back_at_a_desk_of_another_site(
    browser: Browser,
) -> None:
    async with desk_of_another_site() as (desk, [issuer]):
        page = await browser.new_page(viewport={"width": 320, "height": 640}, locale="nl-NL")
        faults: list[str] = []
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        await page.goto(f"{desk}/")
        await page.get_by_role("link", name="Inloggen").press("Enter")
        await expect(page.get_by_role("heading", name="Wie bent u?")).to_be_visible()
        await expect(page.get_by_role("listitem")).to_have_count(len(PEOPLE))
        assert await violations(page) == []
        assert await page.evaluate(OVERFLOW) == 0
        await take_picture(page, "identity")
        await page.keyboard.press("Tab")
        first = page.get_by_role("button", name="Lotte Hendriks Burgerzaken")
        await expect(first).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text(f"s1 {issuer} 32")).to_be_visible()
        assert faults == []
        await page.close()
