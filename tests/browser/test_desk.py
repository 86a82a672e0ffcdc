"""The desk in a real browser: by keys alone, seen at colleagues at once, without faults for axe."""

import asyncio
import base64
import io
import re
import time
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, Route, expect

from sandbox.identity.people import PEOPLE
from services import clock
from services.event_types import CARE_ALARM
from tests.support.browser.faults import ONE_PART, faults_at, resize
from tests.support.browser.page import IN_CHROMIUM, MailroomPage, take_picture, violations
from tests.support.browser.record_entries import signed_event
from tests.support.decrypted_record import KEY
from tests.support.desk import due_lists
from tests.support.desk.put_aside import PUT_ASIDE
from tests.support.desk.town import with_desk
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation, installed
from tests.support.observer import Watch, until

pytestmark = IN_CHROMIUM
SIZES = {"wide": (1280, 800), "phone": (360, 740), "zoomed": (640, 400)}
"""The last one is a window of 1280 by 800 in which everything is twice as large."""
SIZES_OF = {"nl": tuple(SIZES), "en": ("wide",)}
"""Sizes at which a page is looked at in each language: they differ in words, and the Dutch are the
longer ones."""
JUDGED: dict[str, Any] = {"wide": "light", "phone": "dark"}
"""Size at which axe-core judges a page -> scheme of its colours. Nothing else differs: at the third
size a page has the elements and colours of these, and only has to fit."""
SEEN_SECONDS = 2.0
"""Longest time until a colleague sees a change."""
RECORD_SECONDS = 10.0
"""Longest time until the sandbox's page has what the archive has: it looks for five seconds."""


SELECT_OUDE = """() => {
  const texts = [...document.querySelectorAll("[data-redacts]")];
  const text = texts.find((one) => one.textContent.includes("mijn oude"));
  const node = text.firstChild, at = node.data.indexOf("oude");
  getSelection().setBaseAndExtent(node, at, node, at + 4);
}"""
"""A person selects a word with the mouse."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder: Path = tmp_path_factory.mktemp("town")
    with installed(folder, with_desk, has_desk=True) as installation:
        yield installation


def _photo() -> bytes:
    output = io.BytesIO()
    Image.effect_noise((1600, 1200), 40).save(output, "JPEG")
    return output.getvalue()


PHOTO = _photo()
SILENCE = (b"\xff\xfb\x10\x00" + bytes(100)) * 1150
"""Half a minute of MP3: frames of 26 ms at 32 kbit/s."""


@asynccontextmanager
async def employee(
    browser: Browser, town: Installation, person: str, *, expected: str = "", **options: Any
) -> AsyncIterator[Page]:
    """A browser of its own, in which somebody has logged in by keys. It reports no error but of
    `expected` answers."""
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
        assert [each for each in errors if not expected or expected not in each] == []
    finally:
        await context.close()


async def ready(page: Page) -> None:
    """Wait until the page hears keys: its script takes `hidden` from the button that lists them,
    which is in a closed menu."""
    await page.locator("[data-opens=keys]:not([hidden])").wait_for(state="attached")


async def switch_language(page: Page, name: str) -> None:
    """Choose another language in the menu of oneself, by keys."""
    await page.locator(".desk-menu--own summary").press("Enter")
    await page.get_by_role("button", name=name).press("Enter")
    await ready(page)


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
        # Each way to answer now answers that message too, also by a file or a template.
        covers = await lotte.locator("#rows").get_attribute("data-covers")
        answer = await lotte.locator("#rows").get_attribute("data-last-answer")
        for form in ("#answer", "form[enctype]"):
            await expect(lotte.locator(f"{form} [name=covers]")).to_have_value(str(covers))
            await expect(lotte.locator(f"{form} [name=last_answer]")).to_have_value(str(answer))
        seen = re.compile(rf"templates\?last_answer={answer}&covers={covers}$")
        await expect(lotte.get_by_role("link", name="Sjablonen")).to_have_attribute("href", seen)


async def opens(page: Page, fatima: Phone, words: str) -> None:
    """Open the conversation of a new message."""
    await fatima.writes(words)
    await page.get_by_role("link", name=words).press("Enter")
    await page.locator("#text").wait_for()
    await ready(page)


async def test_message_is_quoted_by_keys_alone_and_nothing_typed_is_lost(
    browser: Browser, town: Installation
) -> None:
    words = "Kan mijn paspoort met spoed?"
    async with (
        citizen(town, "31600000814") as fatima,
        employee(browser, town, "Lotte") as page,
    ):
        await opens(page, fatima, words)
        await page.keyboard.press("a")
        await page.keyboard.type("Ja, dat kan")
        await page.keyboard.press("Tab")
        await page.keyboard.press("r")
        await expect(page.locator(".desk-quoted")).to_contain_text(words)
        await expect(page.locator("#text")).to_have_value("Ja, dat kan")
        await expect(page.locator("#text")).to_be_focused()
        await ready(page)

        await page.keyboard.type(", vandaag nog")
        await check(page, "desk-conversation-quote")
        await page.get_by_role("button", name="Zonder dit bericht erbij").press("Enter")
        await expect(page.locator(".desk-quoted")).to_have_count(0)
        await expect(page.locator("#text")).to_have_value("Ja, dat kan, vandaag nog")
        assert "opening" not in page.url
        await quotes_from_earlier(page, words)
        await expect(page.locator("#text")).to_have_value("Ja, dat kan, vandaag nog")


async def quotes_from_earlier(page: Page, words: str) -> None:
    """Quote a message of an earlier section, which leads to the newest messages."""
    newest = page.url
    await page.goto(f"{newest}?before=999999999&opening={clock.new_id()}")
    await ready(page)
    await expect(page).to_have_url(f"{newest}?before=999999999")
    await expect(page.get_by_role("link", name="Naar de nieuwste berichten")).to_be_visible()
    await expect(page.locator("#text")).to_have_count(0)
    await check(page, "desk-conversation-earlier", sizes=("wide",))
    await page.keyboard.press("r")
    await expect(page.locator(".desk-quoted")).to_contain_text(words)
    await expect(page).to_have_url(newest)


async def test_message_is_reacted_to_by_keys_while_another_comes(
    browser: Browser, town: Installation
) -> None:
    async with (
        citizen(town, "31600000816") as fatima,
        employee(browser, town, "Lotte") as page,
    ):
        await opens(page, fatima, "Is mijn rijbewijs er al?")
        await page.keyboard.press("a")
        await page.keyboard.type("Ik kijk")
        react = page.locator("summary", has_text="Reageer").last
        await react.press("Enter")
        await fatima.writes("Of morgen")
        await expect(page.get_by_text("Of morgen")).to_be_visible()
        thumb = page.get_by_role("button", name="Duim omhoog").first
        await expect(thumb).to_be_visible()  # drawing the messages again closed nothing
        await check(page, "desk-conversation-react")
        await thumb.press("Enter")
        await expect(page.locator(".desk-reactions")).to_have_text("👍")
        await expect(page.locator("#text")).to_have_value("Ik kijk")


PLAYED = "voice => voice.paused ? -1 : voice.currentTime"
"""Seconds that a voice message has played; -1 if it does not play."""
SELECTED = "getSelection().toString()"


async def saves(page: Page, name: str) -> bytes:
    """Return the file that a link saves."""
    async with page.expect_download() as saved:
        await page.get_by_role("link", name=name).press("Enter")
    path = await (await saved.value).path()
    return await asyncio.to_thread(path.read_bytes)


async def test_voice_selection_and_focus_stay_while_a_message_comes(
    browser: Browser, town: Installation
) -> None:
    """No key takes the conversation meanwhile: not from a control, and not once keys are off."""
    words = "Luistert u even, over mijn paspoort?"
    async with (
        citizen(town, "31600000819") as fatima,
        employee(browser, town, "Lotte") as page,
    ):
        await opens(page, fatima, words)
        await fatima.sends_voice(SILENCE)
        voice = page.locator("audio")
        assert await saves(page, "Bestand ophalen") == SILENCE  # a browser may not play it
        await voice.press("Space")
        await expect(voice).to_have_js_property("paused", False)
        news = page.locator("#news")
        await expect(news).to_have_text("Er is een nieuw bericht.")
        await page.locator("summary").last.press("t")
        await set_keys(page, used=False)
        await page.locator("#main").press("t")

        quote = page.get_by_role("button", name="Antwoord hierop").first
        await quote.focus()
        await page.locator(".desk-text").first.evaluate(
            "it => getSelection().selectAllChildren(it)"
        )
        await news.evaluate("it => { it.textContent = '' }")
        await expect(voice).not_to_have_js_property("currentTime", 0)
        played = await voice.evaluate(PLAYED)
        await fatima.writes("Is dat gelukt?")
        await expect(news).to_have_text("Er is een nieuw bericht.")
        await expect(page.locator(".desk-text").last).to_have_text("Is dat gelukt?")
        await expect(quote).to_be_focused()
        assert await page.evaluate(SELECTED) == words
        assert await voice.evaluate(PLAYED) > played > 0
        await expect(page.get_by_role("button", name="Neem")).to_be_visible()

        await set_keys(page, used=True)
        await page.locator("#main").press("t")
        await expect(page.get_by_role("button", name="Geef terug")).to_be_visible()


async def set_keys(page: Page, *, used: bool) -> None:
    """Switch the keys on or off, by keys."""
    await page.locator("#main").press("?")
    box = page.get_by_label("Toetsen gebruiken")
    await expect(box).to_be_checked(checked=not used)
    await box.press("Space")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_reason_is_given_by_keys_alone(browser: Browser, town: Installation) -> None:
    async with (
        citizen(town, "31600000815") as fatima,
        employee(browser, town, "Hanna") as page,
    ):
        await fatima.writes("Mijn vraag gaat over huiselijk geweld")
        await page.locator(".desk-item", has_text="Veilig thuis").get_by_role("link").press("Enter")
        await expect(page.get_by_role("heading", name="Waarom opent u")).to_be_visible()
        await check(page, "desk-reason")
        await page.get_by_label("Ik neem waar voor een collega").press("Space")
        await page.get_by_label("Toelichting").press("Enter")
        await expect(page.get_by_text("Mijn vraag gaat over huiselijk geweld")).to_be_visible()
        await fatima.writes("En over mijn kinderen")
        await expect(page.get_by_text("En over mijn kinderen")).to_be_visible()
        # The list shows no label of a confidential department; whoever opens it reads them here.
        await fatima.writes("Mijn buurvrouw van 85 doet al twee dagen niet open")
        head = page.locator("#about")
        await expect(head.get_by_text("mogelijk-gevaar", exact=True)).to_be_visible()
        await expect(head.get_by_text("omdat: mogelijk gevaar")).to_be_visible()
        await check(page, "desk-marked")


async def test_alarm_appears_at_who_is_on_duty_and_is_confirmed_by_keys(
    browser: Browser, town: Installation
) -> None:
    async with (
        citizen(town, "31600000817") as fatima,
        employee(browser, town, "Hanna") as page,
    ):
        await fatima.writes("Ik wil dood, en mijn paspoort is weg")
        alarms = page.get_by_role("region", name="Meldingen van gevaar")
        await expect(alarms).to_contain_text("Zelfdoding")
        await check(page, "desk-alarms")
        await alarms.get_by_role("button").press("Enter")
        await expect(alarms).to_have_count(0)


async def test_text_of_an_ended_session_is_on_the_page(
    browser: Browser, town: Installation
) -> None:
    """The browser reports the 401 as an error, so this one is looked at apart."""
    async with (
        citizen(town, "31600000818") as fatima,
        employee(browser, town, "Lotte", expected="401") as page,
    ):
        async with page.expect_response(lambda answer: "/stream?conversation=" in answer.url):
            await opens(page, fatima, "Hoe laat gaat de balie voor een paspoort open?")
        tab = await page.context.new_page()
        await tab.goto(page.url)
        await tab.locator("summary", has_text="Bestand sturen").press("Enter")
        await tab.get_by_label("Tekst erbij").fill("Zo ziet de balie eruit")
        await page.bring_to_front()
        await page.context.clear_cookies()
        await page.keyboard.press("a")
        await page.keyboard.type("Om negen uur")
        async with page.expect_response(lambda answer: "/messages?" in answer.url) as refused:
            await fatima.writes("Of later")
        assert (await refused.value).status == 401
        await page.keyboard.type(", tot vijf")
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_label("Uw tekst")).to_have_value("Om negen uur, tot vijf")
        await check(page, "desk-unsent")
        given = FilePayload(name="balie.jpg", mimeType="image/jpeg", buffer=PHOTO)
        await tab.get_by_label("Bestand", exact=True).set_input_files(given)
        await tab.get_by_role("button", name="Verstuur bestand").press("Enter")
        await expect(tab.get_by_label("Uw tekst")).to_have_value("Zo ziet de balie eruit")
        await expect(tab.get_by_label("Kies het bestand opnieuw")).to_be_visible()
        assert await violations(tab) == []


async def test_keys_are_listed_and_the_list_closes(browser: Browser, town: Installation) -> None:
    async with employee(browser, town, "Lotte") as page:
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Toetsen")).to_be_visible()
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_menus_open_without_script_and_show_nothing_that_needs_one(
    browser: Browser, town: Installation
) -> None:
    context = await browser.new_context(locale="nl-NL", java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{town.desk}/inbox")
    await page.get_by_role("button", name="Wim").press("Enter")
    archive = page.get_by_role("link", name="Wie bekeek wat")
    await page.locator(".desk-nav summary").press("Enter")
    await expect(archive).to_be_visible()
    await page.locator(".desk-menu--own summary").press("Enter")
    await expect(page.get_by_role("button", name="Uitloggen")).to_be_visible()
    await expect(archive).to_be_hidden()
    await expect(page.locator("[data-opens=keys]")).to_be_hidden()
    await context.close()


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


async def test_messages_are_asked_for_again_while_a_sent_file_is_copied(
    browser: Browser, town: Installation
) -> None:
    """The browser reports that the stream ends, so this one is looked at apart."""
    answers: list[str] = []

    async def tell_nothing(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=": quiet\n\n")

    async def show_once_that_it_is_copied(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.text()
        copying = body.replace("<ol ", "<p data-copying></p><ol ", 1)
        answers.append(body if answers else copying)
        await route.fulfill(response=answer, body=answers[-1])

    async with (
        citizen(town, "31600000844") as fatima,
        employee(browser, town, "Lotte", expected="[object Event]") as page,
    ):
        await page.route(re.compile("/stream.conversation="), tell_nothing)
        await opens(page, fatima, "Waar is het kantoor voor een paspoort?")
        await page.route(re.compile("/messages.opening="), show_once_that_it_is_copied)
        await page.evaluate("""htmx.trigger("#messages", "sse:conversation")""")
        await expect(page.locator("#messages [data-copying]")).to_have_count(1)
        await expect(page.locator("#messages [data-copying]")).to_have_count(0)
        assert len(answers) == 2


async def test_pages_have_no_fault(browser: Browser, town: Installation) -> None:
    words = "Waar vraag ik een paspoort aan?"
    async with (
        citizen(town, "31600000813") as fatima,
        employee(browser, town, "Lotte") as page,
    ):
        await fatima.writes(f"{words} En mijn aanslag?")
        await expect(page.get_by_text(words)).to_be_visible()
        await check(page, "desk-inbox")
        await page.locator(".desk-menu--own summary").press("Enter")
        await check(page, "desk-menu-own")
        await page.get_by_role("button", name="English").press("Enter")
        await check(page, "desk-inbox-en", sizes=("wide",))
        await switch_language(page, "Nederlands")
        await page.locator(".desk-item-link", has_text=words).press("Enter")
        await expect(page.locator(".desk-text").first).to_be_visible()
        await expect(page.get_by_text("ook over: Belastingen")).to_be_visible()
        await fatima.sends_photo(PHOTO)
        photo = page.locator(".desk-picture").last
        await expect(photo).to_be_visible()
        await expect(photo).to_have_js_property("naturalWidth", 320)
        await open_all(page)
        await check(page, "desk-conversation")
        given = FilePayload(name="kaart.jpg", mimeType="image/jpeg", buffer=PHOTO)
        await page.get_by_label("Bestand", exact=True).set_input_files(given)
        await page.get_by_role("button", name="Verstuur bestand").press("Enter")
        sent = page.get_by_alt_text("Foto die is verstuurd")  # without loading the page again
        await expect(sent).to_be_visible(timeout=20_000)
        await sent.scroll_into_view_if_needed()
        await expect(sent).to_have_js_property("naturalWidth", 320)


async def test_menu_opens_by_keys_and_closes_when_its_reader_goes_on(
    browser: Browser, town: Installation
) -> None:
    async with employee(browser, town, "Sanne") as page:
        menu, rules = page.locator(".desk-nav summary"), page.locator(".desk-nav [href='/rules']")
        await expect(rules).to_be_hidden()
        await menu.press("Enter")
        await expect(rules).to_be_visible()
        await check(page, "desk-menu")
        await rules.press("Escape")
        await expect(rules).to_be_hidden()
        await expect(menu).to_be_focused()
        await menu.press("Enter")
        await page.locator(".desk-nav [href='/rights']").press("Tab")
        await expect(page.locator(".desk-menu--own summary")).to_be_focused()
        await expect(rules).to_be_hidden()  # it would cover what has the focus next
        await menu.press("Enter")
        await rules.press("Enter")
        await expect(rules).to_have_attribute("aria-current", "page")


async def count_delivered(town: Installation) -> int:
    sql = "select count(*) from deliverer.sent"
    return int(await asyncio.to_thread(town.database.execute, sql))


async def test_pages_of_managers_have_no_fault(browser: Browser, town: Installation) -> None:
    """With all of each unfolded, reached by keys."""
    async with (
        citizen(town, "31600000814") as fatima,
        employee(browser, town, "Sanne") as page,
    ):
        before = await count_delivered(town)
        await fatima.writes("Mijn paspoort is zoek")
        await until(lambda: count_delivered(town), lambda now: now > before, 15)
        town.database.execute(PUT_ASIDE)
        for language, other in (("nl", "English"), ("en", "Nederlands")):
            for path in ("rules", "numbers", "figures", "rights", "destinations"):
                await page.locator(".desk-nav summary").press("Enter")
                await follow(page, town, path)
                await check(page, f"desk-{path}-{language}", sizes=SIZES_OF[language])
            await expect(page.get_by_text("the sender has no identity")).to_be_visible()
            await follow(page, town, "destinations/desk")
            for reason in ("a fault in the router", "it cannot be sealed"):
                await expect(page.get_by_text(reason)).to_be_visible()
            await check(page, f"desk-destination-{language}", sizes=SIZES_OF[language])
            await page.locator(".desk-nav summary").press("Enter")
            await follow(page, town, "rules")
            version = await page.locator("a[href^='/rules/versions/']").first.inner_text()
            await follow(page, town, f"rules/versions/{version}")
            await check(page, f"desk-version-{language}", sizes=SIZES_OF[language])
            await switch_language(page, other)


async def follow(page: Page, town: Installation, path: str) -> None:
    """Follow a link by keys, and unfold the page."""
    await page.locator(f'a[href="/{path}"]').first.press("Enter")
    await expect(page).to_have_url(f"{town.desk}/{path}")
    await ready(page)
    await open_all(page)


@asynccontextmanager
async def newcomer(browser: Browser, town: Installation) -> AsyncIterator[MailroomPage]:
    """The page of the sandbox, in a window as a newcomer has it."""
    context: BrowserContext = await browser.new_context(viewport={"width": 1440, "height": 900})
    mailroom = MailroomPage(await context.new_page(), town.sandbox)
    await mailroom.open()
    yield mailroom
    assert mailroom.errors == []
    await context.close()


async def test_sandbox_leads_a_newcomer_to_the_desk_and_back(
    browser: Browser, town: Installation
) -> None:
    """A citizen writes on the phone of the page, an employee answers at the desk, the phone and the
    record have it."""
    async with newcomer(browser, town) as mailroom:
        await mailroom.send("Wat kost een paspoort op het gemeentehuis?")
        asked = mailroom.timeline.locator(".quote", has_text="Wat kost een paspoort")
        await expect(asked).to_be_visible(timeout=RECORD_SECONDS * 1000)
        async with mailroom.page.expect_popup() as opened:
            await mailroom.use(mailroom.page.get_by_role("link", name="Open de balie"))
        await answer_as_lotte(await opened.value, "Wat kost", "Dat kost 80 euro.")
        await mailroom.page.bring_to_front()
        await expect(mailroom.chat.get_by_text("Dat kost 80 euro.")).to_be_visible()
        told = mailroom.timeline.locator("li.out", has_text="Dat kost 80 euro.")
        is_read = mailroom.word("record.out.read")
        await expect(told).to_contain_text(is_read, timeout=RECORD_SECONDS * 1000)
        await mailroom.choose_citizen("Jan")
        await expect(mailroom.timeline.locator("li")).to_have_count(0)
        await mailroom.choose_citizen("Fatima")
        await expect(told).to_be_visible()


async def answer_as_lotte(desk: Page, question: str, answer: str) -> None:
    """Log in, take the conversation with this question, and answer: all of it by keys."""
    await desk.get_by_role("button", name="Lotte Hendriks").press("Enter")
    await desk.locator(".desk-item", has_text=question).get_by_role("link").press("Enter")
    await desk.get_by_role("button", name="Neem").press("Enter")
    await expect(desk.get_by_role("button", name="Geef terug")).to_be_visible()
    await desk.locator("#text").fill(answer)
    await desk.keyboard.press("Control+Enter")


async def test_sandbox_names_who_can_log_in_and_has_no_faults_at_any_size(
    browser: Browser, town: Installation
) -> None:
    async with newcomer(browser, town) as mailroom:
        await expect(mailroom.page.get_by_role("tab")).to_have_count(0)
        people = mailroom.page.locator("#answering-people li")
        await expect(people).to_have_text([f"{each.name} {each.work}" for each in PEOPLE.values()])
        assert await faults_at(mailroom, ("desktop", "laptop", "tablet"), "answering") == {}
        for language, sizes in (("nl", ONE_PART), ("en", ONE_PART[-1:])):
            await mailroom.switch_language(language)
            await resize(mailroom, "phone")
            await mailroom.use(mailroom.page.locator(".views [data-view=desk]"))
            assert await faults_at(mailroom, sizes, "answering") == {}


async def test_alarm_of_the_sandbox_leads_to_the_conversation_at_the_desk(
    browser: Browser, town: Installation
) -> None:
    """The alarm that somebody on duty gets, also where the departments answer at the desk."""
    told = {"conversationId": "106540352242922-abc", "care": "suicide", "nth": 1}
    body, headers = signed_event(CARE_ALARM, told, 1, base64.b64decode(KEY))
    async with newcomer(browser, town) as mailroom:
        events = f"{town.sandbox}/crm/events"
        sent = await mailroom.page.request.post(events, data=body, headers=headers)
        assert sent.status == 204
        link = mailroom.page.locator("#alarms").get_by_role("link", name="Open gesprek")
        await expect(link).to_have_attribute(
            "href", f"{town.desk}/conversations/{told['conversationId']}"
        )
        assert await faults_at(mailroom, ("desktop", "narrow"), "answering-alarm") == {}


async def test_pages_of_the_archivist_and_privacy_officer_have_no_fault(
    browser: Browser, town: Installation
) -> None:
    async with (
        citizen(town, "31600000814") as fatima,
        employee(browser, town, "Wim", expected="400 (Bad Request)") as page,
    ):
        await fatima.writes("Ik wil een paspoort voor mijn kind")
        await page.get_by_text("voor mijn kind").first.wait_for()
        await page.goto(f"{town.desk}/archive/search")
        await search_passport(page)
        await check(page, "desk-search")
        await check_holds(page, town)
        await check_disclosure(page, town, fatima)
        await search_passport(page)
        await page.get_by_role("button", name="Lees het gesprek").first.press("Enter")
        await expect(page.locator(".desk-bubble").first).to_be_visible()
        await expect(page.get_by_text("vernietiging staat stil").first).to_be_visible()
        await check(page, "desk-archived")
        await asyncio.to_thread(town.database.execute, due_lists.DUE_LISTS)
        await check_requests(page, town)
        await check_lists(page, town)
        await check_views(page, town)


async def search_passport(page: Page) -> None:
    await page.get_by_label("Woorden").fill("paspoort")
    await page.get_by_label("Waarom").fill("controle")
    await page.get_by_label("Waarom").press("Enter")
    await expect(page.get_by_role("heading", name="gevonden")).to_be_visible()


async def check_holds(page: Page, town: Installation) -> None:
    """A hold on what was searched for, from its placing to its review; the search page again."""
    await page.get_by_role("button", name="Zet vernietiging hiervan stil").press("Enter")
    await expect(page.get_by_label("Woorden")).to_have_value("paspoort")
    await check(page, "desk-hold-new")
    await page.get_by_label("Opnieuw bekijken op").fill(f"{clock.now() + timedelta(30):%Y-%m-%d}")
    await page.get_by_label("Kenmerk van de zaak").fill("Woo 17")
    await page.get_by_role("button", name="Zet vernietiging stil").press("Enter")
    covers = re.compile("is geplaatst. Gesprekken die dit nu raakt: [1-9]")
    await expect(page.get_by_role("status")).to_contain_text(covers)
    await check(page, "desk-holds")
    await page.locator(".desk-item-link").first.press("Enter")
    await page.get_by_role("button", name="Toon de vernietigingsstop").press("Enter")
    await expect(page.get_by_text("Met de woorden: paspoort")).to_be_visible()
    await open_all(page)
    await check(page, "desk-hold")
    await page.locator("#review_on").fill(f"{clock.now() + timedelta(60):%Y-%m-%d}")
    await page.locator("#text").fill("Het verzoek loopt nog.")
    await page.get_by_role("button", name="Nog nodig").press("Enter")
    await expect(page.get_by_text("nog nodig, zegt")).to_be_visible()
    await page.goto(f"{town.desk}/archive/search")


async def check_disclosure(page: Page, town: Installation, fatima: Phone) -> None:
    """A disclosure from its drawing to its approval, which is another person's; its words and boxes
    by keys, and by the mouse."""
    await send_picture(town, fatima)
    await page.goto(f"{town.desk}/archive/disclosures")
    await page.get_by_role("link", name="Nieuw verzoek").press("Enter")
    await check(page, "desk-disclosure-new")
    await page.get_by_label("Telefoonnummer").fill("+31600000814")
    await page.get_by_label("Opnieuw bekijken op").fill(f"{clock.now() + timedelta(30):%Y-%m-%d}")
    await page.get_by_label("Kenmerk van de zaak").fill("Woo 18")
    await page.get_by_role("button", name="Begin met dit verzoek").press("Enter")
    await expect(page.get_by_role("heading", name="WOO-")).to_be_visible()
    disclosure = page.url
    await page.get_by_role("link", name="document 1").press("Enter")
    await page.get_by_role("button", name="Toon het document").press("Enter")
    await expect(page.get_by_text("voor mijn kind")).to_be_visible()
    await redact_by_keys(page)
    await redact_by_mouse(page)
    await open_all(page)
    await check(page, "desk-document")
    await page.get_by_role("button", name="Beslis", exact=True).press("Enter")
    await expect(page.get_by_text("deels openbaar", exact=True).first).to_be_visible()
    document = page.url.partition("?")[0].partition("#")[0]
    await page.goto(f"{document}/preview/html")
    text = await page.inner_text("body")
    assert "paspoort voor mijn [5.1.2e]" in text and "oude" not in text
    await page.goto(disclosure)
    await check_approval(page, disclosure.rpartition("/")[2])
    await page.goto(f"{town.desk}/archive/search")


async def send_picture(town: Installation, fatima: Phone) -> None:
    """Send a picture, and wait until it can be shown; others may have come before."""

    async def available() -> int:
        came = "select count(*) from archiver.media where state = 'available'"
        return int(await asyncio.to_thread(town.database.execute, came))

    before = await available()
    await fatima.writes("Dit is 😕 mijn oude paspoort", kind="image", sample="lantaarn")
    await until(available, lambda number: number > before, 30)


async def redact_by_keys(page: Page) -> None:
    """A word, and a box on a picture."""
    row = page.locator("li.desk-item", has_text="voor mijn kind")
    await row.get_by_role("link", name="Kies woorden").press("Enter")
    await row.get_by_label("kind").press("Space")
    await row.get_by_role("button", name="Laat weg").press("Enter")
    await expect(page.locator("del.desk-redacted")).to_have_text("kind")
    await page.locator("article summary").press("Enter")
    for label, keys in (("Links", ["ArrowDown"]), ("Hoog", ["ArrowUp", "ArrowUp"])):
        for key in keys:
            await page.get_by_label(label).press(key)
    await page.get_by_role("button", name="Maak dit vlak zwart").press("Enter")
    await expect(page.locator("article li")).to_contain_text(
        "links 249, boven 250, breed 500, hoog 502"
    )


async def redact_by_mouse(page: Page) -> None:
    """The same, and what was taken back is shown again."""
    await page.locator("p.desk-text", has_text="mijn oude paspoort").scroll_into_view_if_needed()
    await page.evaluate(SELECT_OUDE)
    await expect(page.locator("#selected strong")).to_have_text("oude")
    await page.locator("#selected").get_by_role("button", name="Laat weg").click()
    await expect(page.locator("del.desk-redacted")).to_have_text(["kind", "oude"])
    await page.locator("article summary").click()
    drawing = page.locator("svg[data-draws]")
    await expect(page.locator(".desk-boxed img")).to_have_js_property("complete", True)
    await drawing.scroll_into_view_if_needed()
    size = await drawing.bounding_box()
    assert size
    await page.mouse.move(size["x"] + 1, size["y"] + 1)
    await page.mouse.down()
    await page.mouse.move(size["x"] + size["width"] / 2, size["y"] + size["height"] / 4)
    await page.mouse.up()
    width = int(await page.get_by_label("Breed").input_value())
    assert 490 < width < 505
    await page.get_by_role("button", name="Maak dit vlak zwart").click()
    await expect(page.locator("rect.desk-box:not([data-drawn])")).to_have_count(2)
    await page.locator("article li").last.get_by_role("button", name="Toon weer").click()
    await expect(page.locator("rect.desk-box:not([data-drawn])")).to_have_count(1)


async def check_approval(page: Page, id: str) -> None:
    """The person who did the work reviews it, and does not approve it."""
    await page.get_by_role("checkbox").first.wait_for()
    for box in await page.get_by_role("checkbox", name="Kies document").all():
        await box.press("Space")
    await page.locator("summary", has_text="Beslis over").press("Enter")
    await page.get_by_label("Beslissing").select_option("outside")
    await page.get_by_role("button", name="Beslis", exact=True).press("Enter")
    await open_all(page)
    await check(page, "desk-disclosure")
    async with page.expect_download() as coming:
        await page.get_by_role("button", name="Haal alles op").press("Enter")
    result = await coming.value
    assert result.suggested_filename == f"{id}.zip"
    with zipfile.ZipFile(await result.path()) as opened:
        assert opened.namelist() == ["concept-inventaris.csv", "concept-inventaris.ods"]
    await page.get_by_role("button", name="Ik keek alles na").press("Enter")
    await page.get_by_label(f"Typ {id} over").fill(id)
    await page.get_by_role("button", name="Keur goed").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Iemand anders keurt het goed.")


async def check_requests(page: Page, town: Installation) -> None:
    """A request from its registration to the report about its person."""
    await page.goto(f"{town.desk}/archive/requests")
    await page.get_by_label("Op welke dag").fill("2026-01-02")
    await page.get_by_label("Telefoonnummer").fill("+31600000814")
    await page.get_by_role("button", name="Leg vast").press("Enter")
    await expect(page.get_by_role("button", name="Toon het verzoek")).to_be_visible()
    await check(page, "desk-request-reason")
    await page.get_by_role("button", name="Toon het verzoek").press("Enter")
    await expect(page.get_by_role("heading", name="Brief aan de inwoner")).to_be_visible()
    await open_all(page)
    await check(page, "desk-request")
    await page.get_by_role("button", name="Toon alles").press("Enter")
    await expect(page.get_by_role("heading", name="Deze persoon")).to_be_visible()
    await open_all(page)
    await check(page, "desk-person")
    await page.goto(f"{town.desk}/archive/requests")
    await check(page, "desk-requests")


async def check_lists(page: Page, town: Installation) -> None:
    """A list from its drawing to the waiting time, and the declaration of another."""
    await page.goto(f"{town.desk}/archive/lists")
    await check(page, "desk-lists")
    await page.get_by_role("button", name="Stel de lijst op").press("Enter")
    await expect(page.get_by_role("heading", name="gesprekken: 2")).to_be_visible()
    id = page.url.rpartition("/")[2]
    await open_all(page)
    await check(page, "desk-list")
    await page.locator("input[type=checkbox][name=conversation]").first.press("Space")
    await page.get_by_role("button", name="Haal van de lijst").press("Enter")
    await expect(page.get_by_text("van de lijst gehaald").first).to_be_visible()
    await page.get_by_role("button", name="Ik keek de lijst na").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("U stelde deze lijst op.")
    await take_step(page, town, id, "reviewed", "m.smit")
    await page.get_by_label(f"Typ {id} over").fill("VL-2020-0001")
    await page.get_by_role("button", name="Keur goed").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Typ het nummer")
    await take_step(page, town, id, "approved", "k.yilmaz")
    await expect(page.get_by_role("status")).to_contain_text("nog 6 d")
    await check(page, "desk-list-waits")
    await page.get_by_label("Toelichting").fill("toch niet")
    await page.get_by_role("button", name="Trek de lijst in").press("Enter")
    await expect(page.get_by_text("ingetrokken door w.dekker")).to_be_visible()
    declared = "select count(*) from archiver.declaration"  # once the archiver looked for lists
    await until(lambda: asyncio.to_thread(town.database.execute, declared), lambda n: n == "1", 30)
    await page.goto(f"{town.desk}/archive/lists/VL-2020-0001/declaration")
    await expect(page.get_by_role("heading", name="Verklaring van vernietiging")).to_be_visible()
    await check(page, "desk-declaration")


async def take_step(page: Page, town: Installation, id: str, step: str, person: str) -> None:
    """Another person takes a step with a list, which the page then shows."""
    await asyncio.to_thread(due_lists.take_step, town.database, id, step, person)
    await page.goto(f"{town.desk}/archive/lists/{id}")


async def check_views(page: Page, town: Installation) -> None:
    """The views of an employee, and the forms in the other language."""
    await page.goto(f"{town.desk}/archive/views")
    await page.get_by_label("medewerker").fill("w.dekker")
    await page.get_by_label("Waarom").fill("controle")
    await page.get_by_label("Waarom").press("Enter")
    await expect(page.locator(".desk-item").first).to_be_visible()
    await check(page, "desk-views")
    await check_exposures(page, town)
    await switch_language(page, "English")
    for path in (
        "search", "people", "requests", "lists", "views", "exposures", "annotations", "holds/new",
        "disclosures/new",
    ):  # fmt: skip
        await page.goto(f"{town.desk}/archive/{path}")
        await check(page, f"desk-{path.replace('/', '-')}-en", sizes=SIZES_OF["en"])


async def check_exposures(page: Page, town: Installation) -> None:
    """The people whose data an employee saw, and a correction of a message of the conversation."""
    await page.goto(f"{town.desk}/archive/exposures")
    await page.get_by_label("Naam", exact=True).fill("w.dekker")
    for label, day in (("Vanaf", "2026-01-01"), ("Tot en met", "2036-01-01")):
        await page.get_by_label(label).fill(day)
    await page.get_by_label("Waarom").fill("datalek")
    await page.get_by_label("Waarom").press("Enter")
    await expect(page.locator(".desk-item").first).to_be_visible()
    await check(page, "desk-exposures")
    await page.goto(f"{town.desk}/archive/search")
    await page.get_by_label("Woorden").fill("paspoort")
    await page.get_by_label("Waarom").fill("verzoek")
    await page.get_by_label("Waarom").press("Enter")
    await page.get_by_role("button", name="Lees het gesprek").first.press("Enter")
    await page.get_by_role("button", name="Correctie").first.press("Enter")
    await page.get_by_label("Wat er moet staan").fill("Het is een rijbewijs.")
    await page.get_by_label("Waarom u dit toevoegt").press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("De correctie staat bij het bericht")
    await check(page, "desk-annotations")


async def open_all(page: Page) -> None:
    for each in await page.locator("main summary").all():
        await each.press("Enter")


async def check(page: Page, name: str, *, sizes: Sequence[str] = tuple(SIZES)) -> None:
    """The page fits its window at each size, and axe-core finds nothing."""
    for size in sizes:
        width, height = SIZES[size]
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=JUDGED.get(size, "light"))
        await take_picture(page, f"{name}-{size}")
        scrolled = await page.evaluate("document.documentElement.scrollWidth")
        assert scrolled <= width, f"{name} is wider than its window"
        if size in JUDGED:
            assert await violations(page) == []
    width, height = SIZES["wide"]
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme="light")
