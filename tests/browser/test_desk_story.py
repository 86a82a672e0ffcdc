"""Two days at the desk, as people live them: a question, two who answer, a photo, a transfer, and a
template once the 24 hours are over. Somebody of another department looks for it all the time."""

import io
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import aiohttp
import pytest
from PIL import Image
from playwright.async_api import Browser, Page, expect

from desk.inbox.filters import FILTERS
from services.calendar.opening_hours import AMSTERDAM
from tests.browser.test_desk import citizen, employee, ready
from tests.support.browser.page import IN_CHROMIUM
from tests.support.desk.employee import Employee
from tests.support.desk.town import with_desk
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation
from tests.support.observer import until
from tests.support.simulated_clock import SimulatedClock, simulated

pytestmark = IN_CHROMIUM
MONDAY = datetime(2026, 11, 30, 10, tzinfo=AMSTERDAM)
DAY, UNCONFIRMED = timedelta(hours=25), timedelta(minutes=11)
QUESTION, ANSWER, LATE = "Mijn paspoort is gestolen", "Doe eerst aangifte.", "Kom morgen langs."
TEMPLATE, VALUE = "afspraak_herinnering", "woensdag 2 december"
SECRETS = "paspoort", "aangifte", "31600000861", TEMPLATE, VALUE


@pytest.fixture(scope="module")
def clock() -> Iterator[SimulatedClock]:
    with simulated(MONDAY) as clock:
        yield clock


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, clock: SimulatedClock) -> Iterator[Installation]:
    town = Installation(tmp_path_factory.mktemp("town"), with_duty, has_desk=True)
    town.more, town.database.more = clock.environment, clock.environment
    try:
        town.start()
        yield town
    finally:
        town.discard()


def with_duty(text: str) -> str:
    """The configuration of a town in which the desk is asked after another on duty."""
    return with_desk(text).replace('destinations = ["desk"]', 'destinations = ["crm", "desk"]', 1)


class Outsider:
    """Somebody of another department, with a page open."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def looks_for(self, desk: str, paths: list[str]) -> None:
        """Find nothing in the list that was open all the time, in others, and at these paths."""
        seen = await self.page.content()
        for path in paths:
            answer = await self.page.goto(desk + path)
            assert answer and answer.status == 404, path
            seen += await self.page.content()
        for filter in FILTERS:
            await self.page.goto(f"{desk}/inbox?filter={filter}")
            seen += await self.page.content()
        assert not [each for each in SECRETS if each in seen]


@asynccontextmanager
async def outsider(browser: Browser, town: Installation) -> AsyncIterator[Outsider]:
    async with employee(browser, town, "Hanna", expected="404") as page:
        yield Outsider(page)


async def test_two_days_at_the_desk(
    browser: Browser, town: Installation, clock: SimulatedClock
) -> None:
    async with citizen(town, "31600000861") as fatima:
        async with (
            employee(browser, town, "Lotte") as lotte,
            employee(browser, town, "Murat", expected="409") as murat,
            outsider(browser, town) as hanna,
        ):
            await two_see_it(fatima, lotte, murat)
            path = lotte.url.removeprefix(town.desk)
            await one_answer_goes(fatima, lotte, murat)
            hidden = await photo_is_seen(fatima, lotte, murat)
            await transfer(lotte, "Openbare ruimte", "gaat over een lantaarn")
            await expect(lotte.get_by_role("status")).to_have_text("Het gesprek is doorgegeven.")
            await expect(lotte.get_by_text(QUESTION)).to_have_count(0)
            await murat.goto(town.desk + path)
            await expect(murat.locator(".desk-why")).to_contain_text("gaat over een lantaarn")
            near = path[:-1] + ("0" if path[-1] != "0" else "1")
            hidden += [path, f"{path}/messages", f"{path}/templates", near]
            await hanna.looks_for(town.desk, hidden)
        clock.passes(DAY)
        await until(lambda: lets_in(town, fatima.session), bool, 15)
        async with (
            employee(browser, town, "Murat") as murat,
            outsider(browser, town) as hanna,
        ):
            await murat.goto(town.desk + path)
            await expect(murat.get_by_text("De 24 uur zijn voorbij")).to_be_visible()
            await send_template(murat)
            await expect(murat.locator(".desk-bubble--ours").last).to_contain_text(VALUE)
            await until(fatima.got, lambda got: got == [ANSWER, TEMPLATE], 15)
            await hanna.looks_for(town.desk, hidden)


async def test_alarm_that_nobody_confirmed_comes_to_the_desk(
    browser: Browser, town: Installation, clock: SimulatedClock
) -> None:
    async with (
        citizen(town, "31600000862") as fatima,
        employee(browser, town, "Murat") as page,
    ):
        await fatima.writes("Ik wil dood")
        danger = page.locator(".desk-item", has_text="Ik wil dood")
        await expect(danger).to_contain_text("Mogelijk gevaar")
        alarms = page.get_by_role("region", name="Meldingen van gevaar")
        await expect(alarms).to_have_count(0)
        clock.passes(UNCONFIRMED)
        await expect(alarms).to_contain_text("Zelfdoding")
        await expect(alarms).to_contain_text("melding 2")
        await alarms.get_by_role("button").press("Enter")
        await expect(alarms).to_have_count(0)
        await expect(danger).not_to_contain_text("Mogelijk gevaar")


async def lets_in(town: Installation, session: aiohttp.ClientSession) -> bool:
    """True if one can log in. For a second after the leap the services have no key of the day."""
    employee = Employee(session, town.desk)
    with suppress(AssertionError):
        await employee.log_in("m.yildiz")
    return employee.url.path == "/inbox"


async def two_see_it(fatima: Phone, lotte: Page, murat: Page) -> None:
    """Both of the department see the question at once; one takes it, which the other sees too."""
    await fatima.writes(QUESTION)
    began = time.monotonic()
    for each in (lotte, murat):
        await expect(each.get_by_text(QUESTION)).to_be_visible()
    print(f"both see it after {time.monotonic() - began:.2f} s")
    await open_by_keys(lotte)
    await lotte.keyboard.press("t")
    await expect(murat.get_by_text("bij l.hendriks")).to_be_visible()
    await ready(lotte)


async def one_answer_goes(fatima: Phone, lotte: Page, murat: Page) -> None:
    """Both type, one answer goes, and the words of the other stay."""
    await open_by_keys(murat)
    for each, words in ((lotte, ANSWER), (murat, LATE)):
        await each.keyboard.press("a")
        await each.keyboard.type(words)
    await lotte.keyboard.press("Control+Enter")
    await expect(lotte.locator(".desk-bubble--ours")).to_contain_text(ANSWER)
    await murat.keyboard.press("Control+Enter")
    await expect(murat.locator("#trouble")).to_contain_text("Iemand heeft intussen")
    await expect(murat.locator("#text")).to_have_value(LATE)
    await until(fatima.got, lambda got: got == [ANSWER], 15)


async def photo_is_seen(fatima: Phone, lotte: Page, murat: Page) -> list[str]:
    """Both see it small; return the addresses of the whole and of the small one."""
    await fatima.sends_photo(photo())
    for each in (lotte, murat):
        shown = each.locator(".desk-bubble--theirs img")
        await shown.scroll_into_view_if_needed()
        await expect(shown).to_have_js_property("naturalWidth", 320)
    return [
        await lotte.locator(f".desk-bubble--theirs [{name}^='/files/']").first.get_attribute(name)
        or ""
        for name in ("href", "src")
    ]


async def open_by_keys(page: Page) -> None:
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.locator("#text").wait_for()
    await ready(page)


async def transfer(page: Page, department: str, reason: str) -> None:
    await page.locator("summary", has_text="Doorgeven").press("Enter")
    await page.get_by_label("Afdeling").select_option(label=department)
    await page.get_by_label("Waarom").fill(reason)
    await page.get_by_label("Waarom").press("Enter")
    await page.wait_for_load_state()


async def send_template(page: Page) -> None:
    await page.get_by_role("link", name="Sjablonen").press("Enter")
    await page.get_by_role("button", name=f"Kies {TEMPLATE}").first.press("Enter")
    for n, value in enumerate((VALUE, "9.00 uur")):
        await page.locator(f"#value-{n}").fill(value)
    await page.get_by_role("button", name="Verstuur sjabloon").press("Enter")


def photo() -> bytes:
    picture = io.BytesIO()
    Image.effect_noise((800, 600), 40).save(picture, "JPEG")
    return picture.getvalue()
