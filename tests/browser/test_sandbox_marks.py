"""Blue ticks and the typing mark, as a citizen sees them while a colleague reads and types."""

from playwright.async_api import Browser, expect

from tests.support.browser.faults import faults
from tests.support.browser.page import IN_CHROMIUM
from tests.support.browser.walks import town_and_page

pytestmark = IN_CHROMIUM


async def test_citizen_sees_that_a_message_was_read_and_typing_until_the_answer_arrives(
    browser: Browser,
) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await mailroom.send("Mijn paspoort")
        await expect(mailroom.thread.get_by_text("Mijn paspoort")).to_be_visible()
        phone = mailroom.page.locator(".screen-head")
        typing, seen = mailroom.word("phone.typing"), mailroom.word("tick.seen")
        await expect(mailroom.chat.get_by_text(mailroom.word("tick.accepted"))).to_be_attached()
        await expect(phone.get_by_text(typing)).to_be_hidden()
        await mailroom.tab_to(mailroom.answer_box)
        await mailroom.type("U kunt")
        await expect(phone.get_by_text(typing)).to_be_visible()
        await expect(mailroom.chat.get_by_text(seen)).to_be_attached()
        await expect(mailroom.announcer).to_have_text(mailroom.word("say.typing"))
        assert await faults(mailroom) == []
        await mailroom.type(" online een afspraak maken.")
        assert len(town.reads) == 1
        await mailroom.press("Control+Enter")
        await expect(mailroom.chat.get_by_text("online een afspraak")).to_be_visible()
        await expect(phone.get_by_text(mailroom.word("phone.account"))).to_be_visible()
        await expect(phone.get_by_text(typing)).to_be_hidden()


async def test_note_for_colleagues_shows_the_citizen_no_typing(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await mailroom.send("Mijn paspoort")
        await expect(mailroom.thread.get_by_text("Mijn paspoort")).to_be_visible()
        await mailroom.choose("note")
        await mailroom.tab_to(mailroom.answer_box)
        await mailroom.type("Belt morgen terug.")
        await mailroom.press("Control+Enter")
        await expect(mailroom.answer_box).to_have_value("")
        assert town.reads == []


async def test_typing_mark_disappears_after_as_long_as_whatsapp_shows_it(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.page.clock.install()
        await mailroom.send("Mijn paspoort")
        await expect(mailroom.thread.get_by_text("Mijn paspoort")).to_be_visible()
        await mailroom.tab_to(mailroom.answer_box)
        await mailroom.type("U")
        typing = mailroom.page.locator(".screen-head").get_by_text(mailroom.word("phone.typing"))
        await expect(typing).to_be_visible()
        await mailroom.page.clock.fast_forward(20_000)
        await expect(typing).to_be_visible()
        await mailroom.page.clock.fast_forward(6_000)
        await expect(typing).to_be_hidden()
