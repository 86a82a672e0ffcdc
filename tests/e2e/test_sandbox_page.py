"""The page in a real browser, with all of Postkamer behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.browser.page import IN_CHROMIUM, MailroomPage, chromium
from tests.support.installation import Installation
from tests.support.observer import until

pytestmark = IN_CHROMIUM


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def mailroom(browser: Browser, town: Installation) -> AsyncIterator[MailroomPage]:
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    page = MailroomPage(await context.new_page(), town.sandbox)
    await page.open()
    yield page
    assert page.errors == []
    await context.close()


async def test_citizen_asks_desk_answers_and_the_record_shows_both(
    mailroom: MailroomPage,
) -> None:
    question, answer = "De container zit vol", "Wij legen hem morgen."
    await mailroom.choose_citizen("Jan")
    await mailroom.send(question)
    await expect(mailroom.thread.get_by_text(question)).to_be_visible()
    await expect(mailroom.hole("Openbare ruimte")).to_have_attribute("aria-selected", "true")
    await mailroom.answer(answer)
    await expect(mailroom.chat.get_by_text(mailroom.word("tick.seen"))).to_be_attached(
        timeout=15_000
    )
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
    await mailroom.picture("trip-nl")


async def test_desk_asks_sends_a_file_notes_passes_on_and_closes(
    mailroom: MailroomPage, tmp_path: Path
) -> None:
    letter = tmp_path / "brief.pdf"
    letter.write_bytes(b"%PDF-1.7\n%%EOF\n")
    await mailroom.choose_citizen("Piotr")
    await mailroom.send("Mijn rijbewijs verloopt")
    await expect(mailroom.thread.get_by_text("Mijn rijbewijs verloopt")).to_be_visible()
    await mailroom.choose("buttons")
    await mailroom.do("Wilt u een afspraak?", options="Ja\nNee")
    yes = mailroom.button("Ja", "#chat")
    await expect(yes).to_be_visible(timeout=15_000)
    await mailroom.use(yes)
    await expect(mailroom.thread.locator(".letter")).to_have_count(2)
    await mailroom.choose("media")
    await mailroom.field("file").set_input_files(letter)
    await mailroom.do("Dit is de brief.")
    await expect(mailroom.chat.get_by_role("link", name="brief.pdf")).to_be_visible(timeout=15_000)
    await mailroom.use(mailroom.button(mailroom.word("desk.quote")).first)
    await mailroom.do("Hierop antwoorden wij.")
    quoted = mailroom.chat.locator(".theirs .quoted")
    await expect(quoted).to_contain_text("rijbewijs", timeout=15_000)
    await mailroom.choose("note")
    await mailroom.do("Belde gisteren ook.")
    await mailroom.choose("transfer")
    await mailroom.field("department").select_option("belastingen")
    await mailroom.do("Gaat over de leges.")
    await expect(mailroom.hole("Belastingen")).to_contain_text(
        mailroom.word("desk.waiting", n="1"), timeout=15_000
    )
    await mailroom.open_hole("Belastingen")
    await expect(mailroom.thread.get_by_text("Gaat over de leges.")).to_be_visible()
    await mailroom.choose("close")
    await mailroom.do("")
    await expect(mailroom.thread.get_by_text(mailroom.word("desk.closed"))).to_be_visible()


async def test_desk_says_how_many_messages_wait_until_the_crm_works_again(
    mailroom: MailroomPage,
) -> None:
    told = mailroom.page.locator("#outage-note")
    await mailroom.use(mailroom.page.locator("#outage"))
    await expect(told).to_contain_text(mailroom.word("desk.outage.none"))
    await mailroom.choose_citizen("Sanne")
    await mailroom.send("De lantaarn is kapot")
    await expect(told).to_contain_text(mailroom.word("desk.outage.held"))
    await mailroom.send("En de container zit vol")
    await expect(told).to_contain_text(mailroom.word("desk.outage.held.many", n="2"))
    await mailroom.page.reload()
    await expect(told).to_contain_text(mailroom.word("desk.outage.held.many", n="2"))
    await mailroom.use(mailroom.page.locator("#outage"))
    await expect(told).to_be_hidden(timeout=30_000)
    waits = mailroom.word("desk.waiting", n="1")
    await expect(mailroom.hole("Openbare ruimte")).to_contain_text(waits)


async def test_photo_of_a_citizen_is_on_the_desk_as_the_archive_has_it(
    mailroom: MailroomPage,
) -> None:
    await mailroom.use(mailroom.button(mailroom.word("phone.attach")))
    photo = mailroom.word("phone.sample", what=mailroom.word("sample.container"))
    await mailroom.use(mailroom.button(photo))
    shown = mailroom.thread.get_by_role("img", name="Foto").last
    await expect(shown).to_be_visible(timeout=15_000)
    assert "/desk/media/" in str(await shown.get_attribute("src"))
    await until(lambda: shown.evaluate("image => image.naturalWidth"), bool, 10)
