"""The page in a real browser, with all of Postkamer behind it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from tests.browser.page import CHROMIUM, MailroomPage, chromium
from tests.installation import Installation

pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists() and not os.environ.get("CI"),
    reason=f"there is no Chromium at {CHROMIUM}",
)


@pytest.fixture
async def mailroom(town: Installation) -> AsyncIterator[MailroomPage]:
    async with async_playwright() as playwright:
        browser = await chromium(playwright)
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        page = MailroomPage(await context.new_page(), town.sandbox)
        await page.open()
        yield page
        assert page.errors == []
        await browser.close()


@pytest.mark.parametrize(
    ("language", "citizen", "question", "department", "answer"),
    [
        ("nl", "Jan", "De container zit vol", "Openbare ruimte", "Wij legen hem morgen."),
        ("en", "Sanne", "Where is my paspoort?", "Burgerzaken", "It is ready at the counter."),
    ],
)
async def test_a_citizen_asks_a_desk_answers_and_the_record_shows_both(
    mailroom: MailroomPage,
    language: str,
    citizen: str,
    question: str,
    department: str,
    answer: str,
) -> None:
    if language != "nl":
        await mailroom.switch_language(language)
    await mailroom.choose_citizen(citizen)
    await mailroom.send(question)
    await expect(mailroom.thread.get_by_text(question)).to_be_visible()
    await expect(mailroom.hole(department)).to_have_attribute("aria-selected", "true")
    await mailroom.answer(answer)
    await expect(mailroom.chat.get_by_text(answer)).to_be_visible()
    await expect(mailroom.thread.get_by_text(mailroom.word("status.read"))).to_be_visible(
        timeout=15_000
    )
    for step in ("record.received", "record.delivered", "record.taken", "record.out.read"):
        await expect(mailroom.timeline.get_by_text(mailroom.word(step)).first).to_be_attached(
            timeout=15_000
        )
    assert await mailroom.violations() == []
    assert await mailroom.focus_is_visible()
    await mailroom.picture(f"trip-{language}")
