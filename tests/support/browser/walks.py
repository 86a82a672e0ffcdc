"""The page of a sandbox in a small town, opened, and a conversation through it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, expect

from sandbox.service import run_sandbox
from sandbox.settings import SandboxSettings
from tests.support.browser.page import MailroomPage
from tests.support.browser.small_town import SmallTown, small_town

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
SENTENCES = {
    "nl": ("Mijn paspoort verloopt volgende week", "U kunt online een afspraak maken."),
    "en": ("My paspoort expires next week", "You can make an appointment online."),
}


@asynccontextmanager
async def town_and_page(
    browser: Browser, size: str = "desktop", language: str = "nl"
) -> AsyncIterator[tuple[SmallTown, MailroomPage]]:
    """The sandbox between them, and its page opened."""
    width, height = SIZES[size]
    async with small_town() as (town, url):
        settings = SandboxSettings(
            port=0,
            gateway_url=url,
            archiver_url=url,
            api_token="sandbox-api-token",
            status_seconds=(0.02, 0.1),
            seed=3,
        )
        async with run_sandbox(settings) as sandbox:
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


async def conversation(mailroom: MailroomPage, language: str) -> None:
    """A question from the phone, an answer from the desk, read on the phone: by key alone."""
    question, answer = SENTENCES[language]
    await mailroom.tab_to(mailroom.message_box)
    await mailroom.type(question)
    await mailroom.press("Enter")
    await expect(mailroom.thread.get_by_text(question)).to_be_visible()
    await mailroom.answer(answer)
    await expect(mailroom.chat.get_by_text(answer)).to_be_visible()
    await expect(mailroom.thread.get_by_text(mailroom.word("status.read"))).to_be_visible()
