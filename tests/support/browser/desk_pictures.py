"""Pictures of every page of the desk, for the docs: `make pictures`.

    python -m tests.support.browser.desk_pictures [--whole FOLDER]

A real town on a simulated Monday, and a day later. `--whole` also saves each page from its top to
its end, at each size, for whoever looks for faults.
"""

import argparse
import asyncio
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
from playwright.async_api import Page, expect

from services.calendar.opening_hours import AMSTERDAM
from tests.support.browser.desk_archive_pictures import archive
from tests.support.browser.desk_studio import DOCS, WAITING, Studio
from tests.support.browser.page import chromium
from tests.support.desk.put_aside import PUT_ASIDE
from tests.support.desk.town import with_desk
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation
from tests.support.observer import Watch
from tests.support.simulated_clock import SimulatedClock, simulated

MONDAY = datetime(2026, 11, 30, 10, tzinfo=AMSTERDAM)
LONGEST_WAIT = 20_000
"""Milliseconds until what is waited for counts as missing: the machine may be busy."""
DIED = """
update deliverer.ledger set state = 'sending', attempt = 1, claimed_by = id,
    claimed_at = now() - interval '11 minutes' where state = 'queued'
"""
"""A deliverer died while it sent these, eleven minutes ago."""
RULE = """
[[rules]]
id = "vergunningen"
words = ["vergunning", "vergunningen"]
department = "klantcontact"
"""


async def opens(page: Page, name: str) -> None:
    """Open the conversation of a citizen, from any page."""
    await page.locator(".desk-brand").click()
    link = page.get_by_role("link", name=name).first
    # No click: the list may be drawn again just then.
    await page.goto(urljoin(page.url, await link.get_attribute("href")))
    await page.locator(".desk-conversation-head").wait_for()


async def unfold(page: Page, summary: str) -> None:
    await page.locator("main summary", has_text=summary).last.click()


async def answers(page: Page, words: str) -> None:
    await page.locator("#text").fill(words)
    await page.get_by_role("button", name="Verstuur", exact=True).click()
    await expect(page.locator(".desk-bubble--ours").last).to_contain_text(words[:20])


async def morning(studio: Studio, clock: SimulatedClock) -> None:
    """An empty inbox fills."""
    async with studio.employee("Murat") as murat:
        await studio.show(murat, "inbox-empty")
        for n, (_, words) in enumerate(WAITING):
            await studio.writes(n, words)
            clock.passes(timedelta(minutes=7))
        await expect(murat.locator(".desk-item", has_text="Piet")).to_be_visible()
        await murat.keyboard.press("?")
        await studio.show(murat, "keys")
        await murat.keyboard.press("Escape")
        await standard_answers(studio, murat)


async def standard_answers(studio: Studio, murat: Page) -> None:
    for title, text in (
        ("Paspoort gestolen", "Dag {naam}, doe eerst aangifte bij de politie. Groet, {medewerker}"),
        ("Openingstijden", "Wij zijn open op werkdagen van 9.00 tot 17.00 uur."),
    ):
        await studio.goes(murat, "/standard-answers")
        new = murat.locator("details", has=murat.locator("#title"))
        if await new.get_attribute("open") is None:
            await new.locator("summary").click()
        await murat.locator("#title").fill(title)
        await murat.locator("#text").fill(text)
        await murat.get_by_role("button", name="Voeg toe").click()
        await murat.get_by_role("heading", name=title).wait_for()
    await studio.show(murat, "standard-answers", again=True)


async def conversations(studio: Studio) -> None:
    """Two answer, one after another and at once."""
    async with studio.employee("Lotte") as lotte, studio.employee("Murat") as murat:
        await lamp(studio, murat)
        await opens(lotte, "Fatima")
        await lotte.get_by_role("button", name="Ik neem dit gesprek").click()
        await opens(murat, "Fatima")
        await murat.locator("#text").fill("Kom morgen langs, dan kijken wij samen.")
        await studio.show(murat, "taken")
        await answers(
            lotte, "Doe eerst aangifte bij de politie. Daarna maken wij een nieuw paspoort."
        )
        await murat.get_by_role("button", name="Verstuur", exact=True).click()
        await murat.locator("#trouble").wait_for()
        await studio.show(murat, "meanwhile")
        await doubtful(studio, lotte)


async def lamp(studio: Studio, murat: Page) -> None:
    """A conversation with a photo, a note, a quote and a reaction."""
    await opens(murat, "Jan de Boer")
    await murat.get_by_role("button", name="Ik neem dit gesprek").click()
    await murat.get_by_role("button", name="Geef terug").wait_for()
    await answers(murat, "Vervelend. Kunt u een foto sturen, en het nummer op de paal?")
    await expect(murat.locator(".desk-status").last).to_have_text(re.compile("aangekomen|gelezen"))
    await studio.writes(1, "Nummer 4711, hij staat bij de bakker", kind="image", sample="lantaarn")
    await murat.locator(".desk-picture").wait_for()
    await unfold(murat, "Notitie")
    await murat.locator("#note").fill("Melding gemaakt bij de aannemer, komt woensdag.")
    await murat.get_by_role("button", name="Bewaar").click()
    await murat.locator(".desk-note").wait_for()
    await unfold(murat, "Reageer")
    await murat.get_by_role("button", name="Duim omhoog").last.click()
    await murat.locator(".desk-reactions").wait_for()
    await studio.show(murat, "conversation", again=True)
    await studio.show(murat, "conversation-dark", again=True, dark=True)
    await murat.get_by_role("button", name="Antwoord hierop").last.click()
    await murat.locator(".desk-quoted").wait_for()
    await murat.locator("#text").fill("Dank u wel! De lamp wordt woensdag gemaakt.")
    await studio.show(murat, "quote")


async def doubtful(studio: Studio, lotte: Page) -> None:
    await opens(lotte, "Aisha")
    await lotte.get_by_role("button", name="Ik neem dit gesprek").click()
    await lotte.get_by_role("button", name="Geef terug").wait_for()
    await asyncio.to_thread(studio.town.kill, "deliverer")
    await answers(lotte, "Ja, u kunt hem ophalen.")
    queued = "select count(*) from deliverer.ledger where state = 'queued'"
    while await asyncio.to_thread(studio.town.database.execute, queued) != "1":
        await asyncio.sleep(0.1)
    await asyncio.to_thread(studio.town.database.execute, DIED)
    await asyncio.to_thread(studio.town.restart, "deliverer")
    await lotte.locator("summary", has_text="Kijk voordat").wait_for()
    await unfold(lotte, "Kijk voordat")
    await lotte.locator(".desk-bubble--ours").last.scroll_into_view_if_needed()
    await studio.show(lotte, "doubtful")


async def danger(studio: Studio) -> None:
    """An alarm of a citizen in danger, a full inbox, and a department that asks for a reason."""
    await studio.writes(7, "Ik wil dood, het hoeft van mij niet meer")
    await studio.writes(8, "Mijn vraag gaat over huiselijk geweld", name="Sam")
    async with studio.employee("Murat") as murat:
        await murat.get_by_role("region", name="Meldingen van gevaar").wait_for()
        await studio.show(murat, "alarms")
        await murat.get_by_role("region", name="gevaar").get_by_role("button").click()
        await expect(murat.locator(".desk-alarms")).to_have_count(0)
        await studio.show(murat, "inbox", again=True)
        await studio.show(murat, "inbox-dark", dark=True)
    async with studio.employee("Hanna") as hanna:
        await hanna.locator(".desk-item", has_text="Veilig thuis").get_by_role("link").click()
        await hanna.get_by_role("heading", name="Waarom opent u").wait_for()
        await studio.show(hanna, "reason")


async def managers(studio: Studio) -> None:
    await asyncio.to_thread(studio.town.database.execute, PUT_ASIDE)
    async with studio.employee("Sanne") as sanne:
        await studio.goes(sanne, "/rules")
        await sanne.locator("#text").fill("Mijn container is vol en de vuilniswagen komt niet")
        await sanne.get_by_role("button", name="Probeer").click()
        await sanne.get_by_role("heading", name="Gaat naar").wait_for()
        await studio.show(sanne, "rules")
        await sanne.locator("[href^='/rules/versions/']").first.click()
        await sanne.get_by_role("heading", name="Wat er veranderde").wait_for()
        await studio.show(sanne, "rule-version")
        for page in ("numbers", "figures", "rights", "destinations"):
            await studio.goes(sanne, f"/{page}")
            await studio.show(sanne, page)
        await studio.goes(sanne, "/destinations/desk")
        await studio.show(sanne, "destination")


async def next_day(studio: Studio) -> None:
    """The 24 hours are over."""
    async with studio.employee("Murat") as murat:
        await opens(murat, "Willem")
        await studio.show(murat, "window-over", again=True)
        await murat.get_by_role("link", name="Sjablonen").click()
        await murat.get_by_role("heading", name="Sjablonen").wait_for()
        await studio.show(murat, "templates")
        await murat.get_by_role("button", name="Kies afspraak_herinnering").first.click()
        for n, value in enumerate(("woensdag 2 december", "9.00 uur")):
            await murat.locator(f"#value-{n}").fill(value)
        await murat.get_by_role("button", name="Bekijk", exact=True).click()
        await expect(murat.locator(".desk-bubble--ours")).to_contain_text("2 december")
        await studio.show(murat, "template")


async def ends(studio: Studio) -> None:
    """Pages on which nobody goes on."""
    async with studio.employee("Murat") as murat:
        await opens(murat, "Willem")
        await murat.locator("#text").fill("Woensdag. Zet het voor half acht aan de weg.")
        await murat.context.clear_cookies()
        await murat.get_by_role("button", name="Verstuur", exact=True).click()
        await murat.get_by_label("Uw tekst").wait_for()
        await studio.show(murat, "unsent")
    async with studio.employee("Lotte") as lotte:
        await studio.goes(lotte, "/conversations/106540352242922-" + "a" * 26)
        await studio.show(lotte, "not-found")
        await asyncio.to_thread(studio.town.kill, "archiver")
        await studio.goes(lotte, "/inbox?filter=mine")
        await lotte.locator(".desk-item-link").first.click()
        await lotte.get_by_role("heading", name="Even niet bereikbaar").wait_for()
        await studio.show(lotte, "away")
        await studio.goes(lotte, "/inbox")
        await lotte.locator(".desk-menu--own summary").click()
        await lotte.get_by_role("button", name="Uitloggen").click()
        await lotte.get_by_role("heading", name="uitgelogd").wait_for()
        await studio.show(lotte, "logged-out")
        await studio.goes(lotte, "/login/callback?error=access_denied&state=x")
        await studio.show(lotte, "login-failed")


def with_names(text: str) -> str:
    """The configuration of a town that is nobody's."""
    return with_desk(text).replace("Gemeente Almelo", "Gemeente Voorbeeldstad")


@contextmanager
def started_town(clock: SimulatedClock) -> Iterator[Installation]:
    """A town of its own, whose folder is open to whoever runs the database."""
    with tempfile.TemporaryDirectory(prefix="postkamer-pictures-") as folder:
        Path(folder).chmod(0o755)
        town = Installation(Path(folder), with_names, has_desk=True)
        town.more, town.database.more = clock.environment, clock.environment
        try:
            town.start()
            yield town
        finally:
            town.discard()


async def make_pictures(town: Installation, clock: SimulatedClock, whole: Path | None) -> list[str]:
    """Make all pictures; return their names."""
    async with aiohttp.ClientSession() as session, chromium() as browser:
        studio = Studio(town, browser, Phone(Watch(town, session), session, ""), whole)
        await morning(studio, clock)
        await asyncio.to_thread(add_rule, town)
        await conversations(studio)
        await danger(studio)
        await archive(studio)
        await managers(studio)
        clock.passes(timedelta(hours=25))
        # For a second after such a leap the services have no key of the day.
        await asyncio.to_thread(town.wait_until_ready)
        await next_day(studio)
        await ends(studio)
        return studio.made


def add_rule(town: Installation) -> None:
    """Change the rules while everything runs, so that there are two versions."""
    town.config.write_text(town.config.read_text() + RULE)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--whole", type=Path)
    whole = parser.parse_args().whole
    for folder in filter(None, (DOCS, whole)):
        folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=LONGEST_WAIT)
    with simulated(MONDAY) as clock, started_town(clock) as town:
        names = asyncio.run(make_pictures(town, clock, whole))
    for each in DOCS.glob("*.png"):
        if each.stem not in names:
            each.unlink()
    total = sum(each.stat().st_size for each in DOCS.glob("*.png"))
    print(f"{len(names)} pictures, {total / 1024:.0f} kB")


if __name__ == "__main__":
    main()
