"""The page walked by keyboard alone, in both languages, with axe-core finding nothing."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from sandbox.service import running
from sandbox.settings import SandboxSettings
from tests.browser.page import CHROMIUM, MailroomPage, chromium
from tests.browser.small_town import SmallTown, small_town

pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists() and not os.environ.get("CI"),
    reason=f"there is no Chromium at {CHROMIUM}",
)

SIZES = {
    "desktop": (1440, 900),
    "laptop": (1280, 720),
    "tablet": (1024, 768),
    "phone": (390, 844),
    "small": (360, 640),
    "narrow": (320, 640),
    "short": (320, 568),
    "zoomed": (320, 256),
}
"""The last one is a window of 1280 by 1024 at 400 %, as WCAG 1.4.10 has it."""
ONE_PART = ("phone", "small", "narrow", "short", "zoomed")
"""Sizes at which one part of the page is shown at a time."""
SENTENCES = {
    "nl": ("Mijn paspoort verloopt volgende week", "U kunt online een afspraak maken."),
    "en": ("My paspoort expires next week", "You can make an appointment online."),
}


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await chromium(playwright)
        yield started
        await started.close()


@asynccontextmanager
async def town_and_page(
    browser: Browser, size: str = "desktop", language: str = "nl"
) -> AsyncIterator[tuple[SmallTown, MailroomPage]]:
    width, height = SIZES[size]
    async with small_town() as (town, url):
        settings = SandboxSettings(
            port=0, gateway_url=url, archiver_url=url, status_seconds=(0.02, 0.1), seed=3
        )
        async with running(settings) as sandbox:
            town.crm = sandbox.url + "/crm/events"
            town.graph = sandbox.url + "/graph/v26.0"
            context = await browser.new_context(viewport={"width": width, "height": height})
            mailroom = MailroomPage(await context.new_page(), sandbox.url)
            await mailroom.open()
            if language != "nl":
                await mailroom.switch_language(language)
            yield town, mailroom
            assert mailroom.errors == []
            await context.close()


async def resize(mailroom: MailroomPage, size: str) -> None:
    """Another window, as when a phone is turned; all of it at its top."""
    width, height = SIZES[size]
    await mailroom.page.set_viewport_size({"width": width, "height": height})
    await mailroom.page.evaluate(
        "for (const one of document.querySelectorAll('html, main, #chat-scroll')) one.scrollTop = 0"
    )


async def faults(mailroom: MailroomPage) -> list[object]:
    """All that is wrong with the page as it stands, for the eye, the finger and axe-core."""
    wide = await mailroom.overflow()
    found: list[object] = [f"{wide} pixels too wide"] if wide > 0 else []
    found += await mailroom.violations()
    return [*found, *await mailroom.small_targets(), *await mailroom.covered()]


async def conversation(mailroom: MailroomPage, language: str) -> None:
    """A question from the phone, an answer from the desk, read on the phone."""
    question, answer = SENTENCES[language]
    await mailroom.send(question)
    await expect(mailroom.thread.get_by_text(question)).to_be_visible()
    await mailroom.answer(answer)
    await expect(mailroom.chat.get_by_text(answer)).to_be_visible()
    await expect(mailroom.thread.get_by_text(mailroom.word("status.read"))).to_be_visible()


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_a_question_is_asked_answered_and_read_with_the_keyboard_alone(
    browser: Browser, language: str
) -> None:
    async with town_and_page(browser, language=language) as (_, mailroom):
        await conversation(mailroom, language)
        await expect(mailroom.hole("Burgerzaken")).to_have_attribute("aria-selected", "true")
        await expect(mailroom.thread.get_by_text("Het woord “paspoort”")).to_be_visible()
        for key in ("record.received", "record.delivered", "record.taken", "record.out.read"):
            await expect(mailroom.timeline.get_by_text(mailroom.word(key)).first).to_be_attached()
        assert await mailroom.violations() == []
        await mailroom.picture(f"desktop-{language}")


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_the_first_sight_of_the_page_says_what_to_do_and_has_no_faults_at_any_size(
    browser: Browser, language: str
) -> None:
    async with town_and_page(browser, language=language) as (_, mailroom):
        await expect(mailroom.page.get_by_text(mailroom.word("phone.empty.lead"))).to_be_visible()
        for size in SIZES:
            await resize(mailroom, size)
            await mailroom.picture(f"empty-{size}-{language}")
            assert await faults(mailroom) == [], size


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_on_a_small_screen_every_part_is_a_tab_away_and_has_no_faults_at_any_size(
    browser: Browser, language: str
) -> None:
    async with town_and_page(browser, "phone", language) as (_, mailroom):
        question, answer = SENTENCES[language]
        await mailroom.send(question)
        await mailroom.use(mailroom.page.locator(".views [data-view=desk]"))
        await expect(mailroom.thread.get_by_text(question)).to_be_visible()
        await mailroom.answer(answer)
        await expect(mailroom.thread.get_by_text(answer)).to_be_visible()
        for view in ("phone", "desk", "record"):
            await mailroom.use(mailroom.page.locator(f".views [data-view={view}]"))
            await expect(mailroom.page.locator(f"#{view}")).to_be_visible()
            for size in ONE_PART:
                await resize(mailroom, size)
                await mailroom.picture(f"{size}-{view}-{language}")
                assert await faults(mailroom) == [], size


async def test_what_a_crm_sends_to_who_never_wrote_is_shown_with_whom_it_went_to(
    browser: Browser,
) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await town.write_first("31600000077", "106540352242922", "Uw paspoort ligt klaar.")
        await expect(mailroom.hole("Burgerzaken")).to_contain_text("1")
        await mailroom.open_hole("Klantcontact")
        await mailroom.open_hole("Burgerzaken")
        await expect(mailroom.thread.get_by_text("Uw paspoort ligt klaar.")).to_be_visible()
        await expect(mailroom.page.locator("#thread-who")).to_have_text("+31 6 00000077")


async def test_everything_that_takes_the_focus_shows_it(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await conversation(mailroom, "nl")
        await mailroom.page.reload()
        await expect(mailroom.thread.get_by_text(SENTENCES["nl"][1])).to_be_visible()
        seen = 0
        for _ in range(60):
            await mailroom.press("Tab")
            what = await mailroom.page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
            if what.startswith("<body"):
                break
            assert await mailroom.focus_is_visible(), what
            seen += 1
        assert seen > 20


async def test_the_skip_links_come_first_and_lead_to_the_parts(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.press("Tab", "Tab")
        await expect(mailroom.page.get_by_role("link", name="Naar de postvakken")).to_be_focused()
        await mailroom.press("Enter")
        await expect(mailroom.page.locator("#desk")).to_be_focused()
        await mailroom.press("Tab")
        await expect(mailroom.page.locator("#outage")).to_be_focused()


async def test_the_chosen_language_is_remembered(browser: Browser) -> None:
    async with town_and_page(browser, language="en") as (_, mailroom):
        await mailroom.page.reload()
        await expect(mailroom.page.locator("html")).to_have_attribute("lang", "en")
        await expect(mailroom.page).to_have_title(mailroom.word("title"))


async def test_news_is_announced_in_words(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.send("De container is vol")
        said = mailroom.word("say.arrived", name="Fatima El Amrani", department="Openbare ruimte")
        await expect(mailroom.announcer).to_contain_text(said)


async def test_what_is_being_typed_at_the_desk_is_not_taken_away(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.send("Mijn paspoort")
        await expect(mailroom.thread.get_by_text("Mijn paspoort")).to_be_visible()
        await mailroom.tab_to(mailroom.answer_box)
        await mailroom.type("Half antwoord")
        await mailroom.page.request.post(
            mailroom.url + "/phone/messages",
            data={
                "from": "31600000012",
                "name": "Jan de Boer",
                "number": "106540352242922",
                "text": "De container is vol",
            },
        )
        await expect(mailroom.announcer).to_contain_text("Jan de Boer")
        await expect(mailroom.answer_box).to_have_value("Half antwoord")
        await expect(mailroom.answer_box).to_be_focused()
        await expect(mailroom.hole("Burgerzaken")).to_have_attribute("aria-selected", "true")


async def test_a_phone_that_is_put_away_reads_nothing(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.send("Mijn paspoort")
        await expect(mailroom.thread.get_by_text("Mijn paspoort")).to_be_visible()
        await mailroom.use(mailroom.button(mailroom.word("phone.away")))
        await mailroom.answer("Wat is uw vraag?")
        delivered = mailroom.word("status.delivered")
        await expect(mailroom.thread.get_by_text(delivered)).to_be_visible()
        await expect(mailroom.page.locator("#lock-news")).to_have_text("1 nieuw")
        assert await mailroom.violations() == []
        await mailroom.picture("away-nl")
        await mailroom.use(mailroom.button(mailroom.word("phone.take")))
        await expect(mailroom.thread.get_by_text(mailroom.word("status.read"))).to_be_visible()


async def test_a_photo_and_a_location_travel_to_the_desk(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        attach = mailroom.button(mailroom.word("phone.attach"))
        await mailroom.use(attach)
        assert await mailroom.violations() == []
        await mailroom.picture("attach-nl")
        photo = mailroom.word("phone.sample", what=mailroom.word("sample.container"))
        await mailroom.use(mailroom.button(photo))
        await expect(mailroom.thread.get_by_role("img", name="Foto")).to_be_visible()
        await mailroom.use(attach)
        await mailroom.use(mailroom.button(mailroom.word("phone.location")))
        await expect(mailroom.thread.get_by_text(mailroom.word("type.location"))).to_be_visible()
        await expect(mailroom.chat.get_by_text("Marktplein").first).to_be_visible()


async def test_a_thumb_can_be_given_and_taken_back(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await conversation(mailroom, "nl")
        thumb = mailroom.button(mailroom.word("phone.like"))
        await mailroom.use(thumb)
        await expect(thumb).to_have_attribute("aria-pressed", "true")
        await expect(thumb).to_be_focused()
        await mailroom.press("Enter")
        await expect(thumb).to_have_attribute("aria-pressed", "false")
        reactions = [
            message["reaction"]
            for body in town.webhooks
            for message in body["entry"][0]["changes"][0]["value"].get("messages", [])
            if message["type"] == "reaction"
        ]
        assert [reaction.get("emoji") for reaction in reactions] == ["👍", None]


async def test_a_message_that_the_mailroom_refuses_says_that_it_waits(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        town.answer = 503
        await mailroom.send("Mijn paspoort")
        waits = mailroom.word("tick.waiting", status="503")
        await expect(mailroom.chat.get_by_text(waits)).to_be_visible()
        assert await mailroom.violations() == []
        town.answer = 200
        await expect(mailroom.chat.get_by_text(waits)).to_be_hidden(timeout=10_000)
        await expect(mailroom.thread.get_by_text("Mijn paspoort")).to_be_visible()


async def test_a_refused_answer_stays_in_the_box_with_the_reason_beside_it(
    browser: Browser,
) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await mailroom.send("Mijn paspoort")
        await expect(mailroom.thread.get_by_text("Mijn paspoort")).to_be_visible()
        town.records.clear()
        await mailroom.tab_to(mailroom.answer_box)
        await mailroom.type("Dag")
        await mailroom.press("Control+Enter")
        alert = mailroom.page.locator("#desk-complaint")
        await expect(alert).to_contain_text(mailroom.word("error.unknown_conversation"))
        await expect(mailroom.answer_box).to_have_value("Dag")
        assert await mailroom.violations() == []
        mailroom.errors.clear()  # the browser itself reports the refusal


async def test_an_outage_of_the_crm_can_be_played_and_is_said(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        outage = mailroom.button(mailroom.word("desk.outage"))
        await mailroom.use(outage, "Space")
        await expect(outage).to_have_attribute("aria-pressed", "true")
        await expect(mailroom.page.get_by_text(mailroom.word("desk.outage.on"))).to_be_visible()
        assert await mailroom.violations() == []
        await mailroom.picture("outage-nl")
        await mailroom.press("Space")
        await expect(outage).to_have_attribute("aria-pressed", "false")


async def test_who_wants_no_motion_gets_none(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.page.emulate_media(reduced_motion="reduce")
        await conversation(mailroom, "nl")
        assert await mailroom.page.evaluate("document.getAnimations().length") == 0


async def test_a_page_that_is_opened_again_shows_what_happened_before(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await conversation(mailroom, "nl")
        await mailroom.page.reload()
        question, answer = SENTENCES["nl"]
        await expect(mailroom.thread.get_by_text(question)).to_be_visible()
        await expect(mailroom.chat.get_by_text(answer)).to_be_visible()
        await expect(mailroom.thread.get_by_text(mailroom.word("status.read"))).to_be_visible()
