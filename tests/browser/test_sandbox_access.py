"""The page for whoever uses a keyboard, a small window or a screen reader, in both languages."""

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.faults import ONE_PART, faults_at
from tests.support.browser.page import IN_CHROMIUM
from tests.support.browser.walks import SENTENCES, SIZES, conversation, town_and_page

pytestmark = IN_CHROMIUM


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_empty_page_says_what_to_do_and_has_no_faults_at_any_size(
    browser: Browser, language: str
) -> None:
    async with town_and_page(browser, language=language) as (_, mailroom):
        await expect(mailroom.page.get_by_text(mailroom.word("phone.empty.lead"))).to_be_visible()
        assert await faults_at(mailroom, tuple(SIZES), "empty") == {}


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_small_screen_has_every_part_a_tab_away_and_no_faults_at_any_size(
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
            assert await faults_at(mailroom, ONE_PART, view) == {}


async def test_every_focused_element_shows_its_focus(browser: Browser) -> None:
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


async def test_skip_links_come_first_and_lead_to_the_parts(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.press("Tab", "Tab")
        await expect(mailroom.page.get_by_role("link", name="Naar de postvakken")).to_be_focused()
        await mailroom.press("Enter")
        await expect(mailroom.page.locator("#desk")).to_be_focused()
        await mailroom.press("Tab")
        await expect(mailroom.page.locator("#outage")).to_be_focused()


async def test_chosen_language_is_kept_after_a_reload(browser: Browser) -> None:
    async with town_and_page(browser, language="en") as (_, mailroom):
        await mailroom.page.reload()
        await expect(mailroom.page.locator("html")).to_have_attribute("lang", "en")
        await expect(mailroom.page).to_have_title(mailroom.word("title"))


async def test_arriving_message_is_announced_in_words(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.send("De container is vol")
        said = mailroom.word("say.arrived", name="Fatima El Amrani", department="Openbare ruimte")
        await expect(mailroom.announcer).to_contain_text(said)


async def test_reduced_motion_stops_every_animation(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.page.emulate_media(reduced_motion="reduce")
        await conversation(mailroom, "nl")
        assert await mailroom.page.evaluate("document.getAnimations().length") == 0
