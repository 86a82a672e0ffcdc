"""The page walked by keyboard alone, from the citizen to the desk and back."""

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.media_server import INFECTED
from tests.support.browser.page import IN_CHROMIUM, MailroomPage
from tests.support.browser.walks import SENTENCES, conversation, town_and_page

pytestmark = IN_CHROMIUM


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_question_is_asked_answered_and_read_with_the_keyboard_alone(
    browser: Browser, language: str
) -> None:
    async with town_and_page(browser, language=language) as (_, mailroom):
        await conversation(mailroom, language)
        await expect(mailroom.hole("Burgerzaken")).to_have_attribute("aria-selected", "true")
        reason = {"nl": "“paspoort” staat erin", "en": "the message says “paspoort”"}[language]
        await expect(mailroom.thread.get_by_text(reason)).to_be_visible()
        for key in ("record.received", "record.delivered", "record.taken", "record.out.read"):
            await expect(mailroom.timeline.get_by_text(mailroom.word(key)).first).to_be_attached()
        assert await mailroom.violations() == []
        await mailroom.picture(f"desktop-{language}")


async def test_message_to_a_new_citizen_shows_the_phone_number_it_went_to(
    browser: Browser,
) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await town.write_first("31600000077", "106540352242922", "Uw paspoort ligt klaar.")
        await expect(mailroom.hole("Burgerzaken")).to_contain_text("1")
        await mailroom.open_hole("Klantcontact")
        await mailroom.open_hole("Burgerzaken")
        await expect(mailroom.thread.get_by_text("Uw paspoort ligt klaar.")).to_be_visible()
        await expect(mailroom.page.locator("#thread-who")).to_have_text("+31 6 00000077")


async def write_as_jan(mailroom: MailroomPage) -> None:
    """Another citizen than the one whose phone is on the page."""
    jan = {"from": "31600000012", "name": "Jan de Boer", "number": "106540352242922"}
    said = jan | {"text": "De container is vol"}
    await mailroom.page.request.post(f"{mailroom.url}/phone/messages", data=said)


async def test_conversation_that_arrives_in_an_empty_pigeonhole_opens_beside_the_focus(
    browser: Browser,
) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.send("Mijn paspoort")
        await expect(mailroom.thread.get_by_text("Mijn paspoort")).to_be_visible()
        await mailroom.open_hole("Openbare ruimte")
        await expect(mailroom.page.locator("#thread")).to_be_hidden()
        await write_as_jan(mailroom)
        await expect(mailroom.thread.get_by_text("De container is vol")).to_be_visible()
        await expect(mailroom.hole("Openbare ruimte")).to_be_focused()


async def test_half_typed_answer_survives_an_arriving_message(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await mailroom.send("Mijn paspoort")
        await expect(mailroom.thread.get_by_text("Mijn paspoort")).to_be_visible()
        await mailroom.tab_to(mailroom.answer_box)
        await mailroom.type("Half antwoord")
        await write_as_jan(mailroom)
        await expect(mailroom.announcer).to_contain_text("Jan de Boer")
        await expect(mailroom.answer_box).to_have_value("Half antwoord")
        await expect(mailroom.answer_box).to_be_focused()
        await expect(mailroom.hole("Burgerzaken")).to_have_attribute("aria-selected", "true")


async def test_phone_that_is_put_away_reads_nothing(browser: Browser) -> None:
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


async def test_photo_and_location_travel_to_the_desk(browser: Browser) -> None:
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


async def test_infected_file_is_not_shown_and_says_why(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        request = mailroom.page.request
        upload = await request.post(
            f"{mailroom.url}/phone/media",
            data=b"\xff\xd8\xff" + INFECTED,
            headers={"Content-Type": "image/jpeg"},
        )
        message = {
            "from": "31600000011",
            "number": "106540352242922",
            "kind": "image",
            "media": (await upload.json())["id"],
            "text": "container",
        }
        await request.post(f"{mailroom.url}/phone/messages", data=message)
        told = "Foto wordt niet getoond: de virusscanner vond Eicar"
        await expect(mailroom.thread.get_by_text(told)).to_be_visible()
        await expect(mailroom.thread.get_by_role("img")).to_have_count(0)
        await expect(mailroom.announcer).to_contain_text(mailroom.word("say.file"))
        assert await mailroom.violations() == []


async def test_citizen_gives_a_thumb_and_takes_it_back(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await conversation(mailroom, "nl")
        thumb = mailroom.button(mailroom.word("phone.like"))
        await mailroom.use(thumb)
        await expect(thumb).to_have_attribute("aria-pressed", "true")
        await expect(thumb).to_be_focused()
        await mailroom.press("Enter")
        await expect(thumb).to_have_attribute("aria-pressed", "false")
        reactions = [message["reaction"] for message in await town.brought("reaction", 2)]
        assert [reaction.get("emoji") for reaction in reactions] == ["👍", None]


async def test_message_that_the_mailroom_refuses_says_that_it_waits(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        town.answer = 503
        await mailroom.send("Mijn paspoort")
        waits = mailroom.word("tick.waiting", status="503")
        await expect(mailroom.chat.get_by_text(waits)).to_be_visible()
        assert await mailroom.violations() == []
        town.answer = 200
        await expect(mailroom.chat.get_by_text(waits)).to_be_hidden(timeout=10_000)
        await expect(mailroom.thread.get_by_text("Mijn paspoort")).to_be_visible()


async def test_refused_answer_stays_in_the_box_with_the_reason_beside_it(
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


async def test_played_outage_of_the_crm_is_said(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        outage = mailroom.button(mailroom.word("desk.outage"))
        await mailroom.use(outage, "Space")
        await expect(outage).to_have_attribute("aria-pressed", "true")
        await expect(mailroom.page.get_by_text(mailroom.word("desk.outage.on"))).to_be_visible()
        assert await mailroom.violations() == []
        await mailroom.picture("outage-nl")
        await mailroom.press("Space")
        await expect(outage).to_have_attribute("aria-pressed", "false")


async def test_reloaded_page_shows_what_happened_before(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        await conversation(mailroom, "nl")
        await mailroom.page.reload()
        question, answer = SENTENCES["nl"]
        await expect(mailroom.thread.get_by_text(question)).to_be_visible()
        await expect(mailroom.chat.get_by_text(answer)).to_be_visible()
        await expect(mailroom.thread.get_by_text(mailroom.word("status.read"))).to_be_visible()
