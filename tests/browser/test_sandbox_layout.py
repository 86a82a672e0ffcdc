"""The page on a tablet and a laptop: what must fit, what must be in view, and how words break."""

import pytest
from playwright.async_api import Browser, Locator, expect

from services.event_types import CARE_ALARM
from tests.support.browser.page import IN_CHROMIUM, MailroomPage
from tests.support.browser.walks import town_and_page
from tests.support.observer import until

pytestmark = IN_CHROMIUM

WIDTHS = {768: 1024, 900: 800, 1024: 768, 1100: 800, 1200: 800}
"""Widths of tablets and small laptops, each with a height."""
READABLE = 200
"""Pixels of a conversation that show a question with its labels and the beginning of an answer."""
QUESTION = "Mijn paspoort is verlopen en ik wil niet meer."
DANGER = {"priority": "urgent", "care": "suicide", "tags": ["officieel"], "due": "2027-01-07"}
BEGINS_IN_VIEW = """(one) => {
  const top = (part) => part.getBoundingClientRect().top;
  return top(one.closest("li")) >= top(one.closest(".chat"));
}"""
"""Script that tells if the beginning of a message on the phone is in view."""


async def resize(mailroom: MailroomPage, width: int, height: int) -> None:
    await mailroom.page.set_viewport_size({"width": width, "height": height})


async def expect_in_view(part: Locator) -> None:
    """All of it is on screen, within what scrolls it."""
    await expect(part).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_page_with_an_alarm_fits_tablets_and_laptops(browser: Browser, language: str) -> None:
    async with town_and_page(browser, language=language) as (town, mailroom):
        town.beside = {"task": True} | DANGER
        await mailroom.send(QUESTION)
        await expect(mailroom.thread.get_by_text(QUESTION)).to_be_visible()
        [danger] = town.records
        await town.tell(CARE_ALARM, {"conversationId": danger, "nth": 1, "care": "suicide"})
        alarms = mailroom.page.locator("#alarms")
        await expect(alarms).to_be_visible()
        kind = mailroom.page.locator("#answer-kind")
        await kind.select_option("template")
        await mailroom.page.locator("#centre summary").click()
        for width, height in WIDTHS.items():
            await resize(mailroom, width, height)
            assert await mailroom.overflow() == 0, width
            assert await mailroom.clipped() == [], width
            assert await mailroom.broken_words() == [], width
            assert await mailroom.covered() == [], width
            await mailroom.picture(f"alarm-{width}-{language}")
        await kind.select_option("text")
        await mailroom.page.locator("#centre summary").click()
        await resize(mailroom, 1280, 720)
        await mailroom.picture(f"alarm-1280-{language}")
        height = await mailroom.page.locator("#thread-scroll").evaluate("(one) => one.clientHeight")
        assert height >= READABLE
        question = mailroom.thread.get_by_text(QUESTION)
        for part in (alarms, question, mailroom.answer_box, mailroom.page.locator("#answer-do")):
            await expect_in_view(part)
        names = await mailroom.page.locator(".label").all_text_contents()
        assert "Klant\u00adcontact\u00adcentrum" in names
        tops = "(holes) => new Set(holes.map((one) => one.offsetTop)).size"
        assert await mailroom.page.locator(".hole").evaluate_all(tops) == 1


async def test_phone_scrolls_to_what_was_sent(browser: Browser) -> None:
    async with town_and_page(browser, "laptop") as (_, mailroom):
        for nth in range(6):
            await mailroom.send(f"Mijn paspoort is kwijt, {nth} keer gezegd")
        await mailroom.page.locator("#chat-scroll").evaluate("(one) => { one.scrollTop = 0; }")
        await mailroom.send("En nu?")
        await expect_in_view(mailroom.chat.get_by_text("En nu?"))
        long = "Wij zoeken het uit. " * 40
        await mailroom.answer_box.fill(long)
        await mailroom.press("Control+Enter")
        answer = mailroom.chat.get_by_text(long.strip())
        await until(lambda: answer.evaluate(BEGINS_IN_VIEW), bool, 5)
