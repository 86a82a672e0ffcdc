"""Pictures of the pages of the archivist and the privacy officer."""

import asyncio
from urllib.parse import urlsplit

from playwright.async_api import Page

from tests.support.browser.desk_studio import Studio
from tests.support.desk.due_lists import DUE_LISTS, take_step


async def archive(studio: Studio) -> None:
    async with studio.employee("Wim") as wim:
        await studio.goes(wim, "/archive/search")
        await studio.show(wim, "search")
        await finds(studio, wim)
        await studio.show(wim, "found")
        await wim.get_by_role("button", name="Lees het gesprek").first.click()
        await wim.locator(".desk-bubble").first.wait_for()
        await studio.show(wim, "archived")
        await requests(studio, wim)
        await studio.goes(wim, "/archive/views")
        await wim.locator("#employee").fill("l.hendriks")
        await wim.locator("#reason").fill("Steekproef van november")
        await wim.get_by_role("button", name="Zoek").click()
        await wim.locator(".desk-item").first.wait_for()
        await studio.show(wim, "views")
        await exposures(studio, wim)
        await finds(studio, wim)
        await holds(studio, wim)
        await disclosures(studio, wim)
        await lists(studio, wim)


async def finds(studio: Studio, wim: Page) -> None:
    await studio.goes(wim, "/archive/search")
    await wim.locator("#words").fill("paspoort")
    await wim.locator("#reason").fill("Klacht K-2026-114 over een afspraak")
    await wim.get_by_role("button", name="Zoek").click()
    await wim.get_by_role("heading", name="gevonden").wait_for()


async def exposures(studio: Studio, wim: Page) -> None:
    """The people whose data somebody saw, and a correction of a message."""
    await studio.goes(wim, "/archive/exposures")
    for field, value in (
        ("name", "l.hendriks"),
        ("since", "2026-11-30"),
        ("until", "2026-11-30"),
        ("reason", "Datalek D-2026-3"),
    ):
        await wim.locator(f"#{field}").fill(value)
    await wim.get_by_role("button", name="Zoek").click()
    await wim.locator(".desk-item").first.wait_for()
    await studio.show(wim, "exposures")
    await studio.goes(wim, "/archive/annotations")
    await wim.locator("#message").fill("019ad2f0-6c40-7c11-8a5e-3f1d2b7c9e04")
    await wim.locator("#text").fill("Het huisnummer is 12, niet 21.")
    await wim.locator("#reason").fill("Verzoek om rectificatie")
    await studio.show(wim, "annotations")


async def requests(studio: Studio, wim: Page) -> None:
    for day, phone in (("2026-10-20", "31600000903"), ("2026-11-23", "31600000901")):
        await studio.goes(wim, "/archive/requests")
        await wim.locator("#received_on").fill(day)
        await wim.locator("#phone").fill(f"+{phone}")
        await wim.get_by_role("button", name="Leg vast").click()
        await wim.get_by_role("button", name="Toon het verzoek").wait_for()
    await wim.get_by_role("button", name="Toon het verzoek").click()
    await wim.get_by_role("heading", name="Brief aan de inwoner").wait_for()
    await studio.show(wim, "request")
    await wim.get_by_role("button", name="Toon alles").click()
    await wim.get_by_role("heading", name="Deze persoon").wait_for()
    await wim.locator("main summary").first.click()
    await studio.show(wim, "person")
    await studio.goes(wim, "/archive/requests")
    await studio.show(wim, "requests")
    await wim.locator(".desk-nav summary").click()
    await studio.show(wim, "menu")


async def holds(studio: Studio, wim: Page) -> None:
    """A hold on what was searched for."""
    await wim.get_by_role("button", name="Zet vernietiging hiervan stil").click()
    await wim.locator("#review_on").fill("2027-02-01")
    await wim.locator("#text").fill("Woo-verzoek W-2026-31")
    await studio.show(wim, "hold-new")
    await wim.get_by_role("button", name="Zet vernietiging stil").click()
    await wim.get_by_role("status").wait_for()
    await studio.show(wim, "holds")
    await wim.locator(".desk-item-link").first.click()
    await wim.get_by_role("button", name="Toon de vernietigingsstop").click()
    await wim.locator("#steps").wait_for()
    await wim.locator("main summary").first.click()
    await studio.show(wim, "hold")


async def lists(studio: Studio, wim: Page) -> None:
    """A list from its drawing to the waiting time, and the declaration of another."""
    database = studio.town.database
    await asyncio.to_thread(database.execute, DUE_LISTS)
    await studio.goes(wim, "/archive/lists")
    await studio.show(wim, "lists")
    await wim.get_by_role("button", name="Stel de lijst op").click()
    await wim.wait_for_url("**/archive/lists/VL-*")
    id = wim.url.rpartition("/")[2]
    await studio.show(wim, "list")
    for step, person in (("reviewed", "m.smit"), ("approved", "k.yilmaz")):
        await asyncio.to_thread(take_step, database, id, step, person)
    await studio.goes(wim, f"/archive/lists/{id}")
    await studio.show(wim, "list-waits")
    count = "select count(*) from archiver.declaration"
    while await asyncio.to_thread(database.execute, count) == "0":
        await asyncio.sleep(0.5)
    await studio.goes(wim, "/archive/lists/VL-2020-0001/declaration")
    await studio.show(wim, "declaration")


async def disclosures(studio: Studio, wim: Page) -> None:
    """A disclosure, and one of its documents with words and a part of a photo left out."""
    await studio.goes(wim, "/archive/disclosures/new")
    await wim.locator("#phone").fill("+31600000901")
    await wim.locator("#review_on").fill("2027-02-01")
    await wim.locator("#text").fill("Woo-verzoek W-2026-31, verlichting")
    await studio.show(wim, "disclosure-new")
    await wim.get_by_role("button", name="Begin met dit verzoek").click()
    await wim.get_by_role("link", name="document 1").click()
    await wim.get_by_role("button", name="Toon het document").click()
    await wim.locator("#words").fill("bij de bakker")
    await wim.locator("#everywhere + form button").click()
    await wim.locator("del.desk-redacted").first.wait_for()
    await studio.show(wim, "disclosure-document")
    await words(studio, wim)
    await boxes(studio, wim)
    await wim.get_by_role("button", name="Beslis", exact=True).click()
    await wim.get_by_text("deels openbaar", exact=True).first.wait_for()
    document = urlsplit(wim.url).path
    await studio.goes(wim, f"{document}/preview/html")
    await studio.show(wim, "disclosure-preview")
    await studio.goes(wim, document.partition("/documents/")[0])
    await studio.show(wim, "disclosure")
    await studio.goes(wim, "/archive/disclosures")
    await studio.show(wim, "disclosures")


async def words(studio: Studio, wim: Page) -> None:
    """Words of one text."""
    row = wim.locator("li.desk-item", has_text="Marktstraat")
    await row.get_by_role("link", name="Kies woorden").click()
    for word in ("Op", "de", "Marktstraat"):
        await row.get_by_label(word, exact=True).first.check()
    await row.scroll_into_view_if_needed()
    await studio.show(wim, "disclosure-words")
    await row.get_by_role("button", name="Laat weg").click()


async def boxes(studio: Studio, wim: Page) -> None:
    """A part of a photo."""
    await wim.locator("article summary").click()
    for side, value in (("x", 100), ("y", 550), ("width", 350), ("height", 400)):
        await wim.locator(f"#{side}-1").fill(f"{value}")
    await wim.get_by_role("button", name="Maak dit vlak zwart").click()
    await wim.locator("rect.desk-box:not([data-drawn])").wait_for()
    await wim.evaluate("document.getElementById('picture-1').scrollIntoView()")
    await studio.show(wim, "disclosure-picture")
