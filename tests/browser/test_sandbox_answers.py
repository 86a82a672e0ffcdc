"""All that a desk can send, chosen with the keyboard, seen on the phone and answered there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from deliverer.meta.ledger import UNCONFIRMED
from gateway.requests.changes import Close, Note, Settle, Transfer
from gateway.requests.messages import MediaMessage, ReactionMessage, TextMessage
from tests.support.browser.faults import layout_faults
from tests.support.browser.page import IN_CHROMIUM, MailroomPage
from tests.support.browser.small_town import NUMBER, SmallTown
from tests.support.browser.walks import town_and_page

pytestmark = IN_CHROMIUM

QUESTION = "Mijn paspoort verloopt"
LOST = """async () => {
  const { empty, isHandled, isInDoubt, waits } = await import("/page/state.js");
  const { fold } = await import("/page/fold.js");
  const at = "2026-11-29T10:00:00Z";
  let count = 0;
  const tell = (state, type, data) =>
    fold(state, "crm", {
      id: count += 1, type: `nl.postkamer.${type}.v1`, time: at, sequence: "7", data,
    });
  const ask = (state, conversationId, task = true) =>
    tell(state, "message-received", {
      conversationId, messageId: count, type: "text", task, sentAt: at,
    });
  const status = (state, conversationId, messageId, status) =>
    tell(state, "message-status-changed", {
      conversationId, messageId, status, at, author: { kind: "employee" },
    });
  const answer = (state, conversationId, messageId) => {
    fold(state, "offered", { messageId, type: "text", content: { body: "Dag" } });
    status(state, conversationId, messageId, "sent");
  };
  const stand = (state, id) => {
    const one = state.conversations.get(id);
    if (!one) return "unknown";
    return isInDoubt(one) ? "in doubt" : waits(one) ? "waits" : isHandled(one) ? "handled" : "idle";
  };
  const found = {};

  const state = empty({ numbers: [], departments: [] });
  ask(state, "a");
  found.asked = stand(state, "a");
  answer(state, "a", "answer");
  found.answered = stand(state, "a");
  status(state, "a", "answer", "read");
  found.readAgain = stand(state, "a");
  ask(state, "late");
  status(state, "late", "older", "read"); // of an answer that the page did not see go
  found.lateStatus = stand(state, "late");
  tell(state, "conversation-waiting", { conversationId: "thanks" });
  ask(state, "thanks", false);
  found.thanksAfterLoss = stand(state, "thanks");
  tell(state, "conversation-closed", { conversationId: "closed" });
  found.gaps = [state.gaps];
  fold(state, "missed", { count: 3 });
  found.afterMissed = stand(state, "a");
  found.closedBeforeMissed = stand(state, "closed");
  found.gaps.push(state.gaps);

  const full = empty({ numbers: [], departments: [] });
  ask(full, "first");
  ask(full, "b");
  answer(full, "b", "answer");
  for (let n = 0; n < 299; n += 1) ask(full, `c${n}`);
  found.forgotten = stand(full, "b");
  status(full, "b", "answer", "read");
  found.lateStatusOfForgotten = stand(full, "b");
  status(full, "d", "doubtful", "unknown");
  found.doubtInForgotten = stand(full, "d");
  found.remembered = [...full.conversations.values()].filter(waits).length;
  found.gaps.push(full.gaps);
  return found;
}"""
"""Standing of conversations of which the page lost a part."""


@asynccontextmanager
async def asked(browser: Browser) -> AsyncIterator[tuple[SmallTown, MailroomPage]]:
    """A citizen asked something, and the desk has it open."""
    async with town_and_page(browser) as (town, mailroom):
        await mailroom.send(QUESTION)
        await expect(mailroom.thread.get_by_text(QUESTION)).to_be_visible()
        yield town, mailroom


async def test_every_kind_of_answer_has_its_fields_and_no_faults_in_both_languages(
    browser: Browser,
) -> None:
    async with asked(browser) as (_, mailroom):
        select = mailroom.page.locator("#answer-kind")
        kinds = await select.locator("option").evaluate_all("all => all.map((one) => one.value)")
        assert len(kinds) == 11
        for kind in kinds:
            await mailroom.choose(kind)
            assert await layout_faults(mailroom) == [], kind
            assert await mailroom.violations() == [], kind
        await mailroom.picture("compose-nl")
        await mailroom.switch_language("en")
        for kind in kinds:  # the same fields with other words
            await mailroom.choose(kind)
            assert await layout_faults(mailroom) == [], kind
        assert await mailroom.violations() == []


async def test_tapped_button_comes_back_with_its_question_quoted(browser: Browser) -> None:
    async with asked(browser) as (town, mailroom):
        await mailroom.choose("buttons")
        await mailroom.do("Wilt u een afspraak?", options="Ja, graag\nNee")
        await mailroom.use(mailroom.button("Ja, graag", "#chat"))
        await expect(mailroom.chat.locator(".mine .quoted")).to_contain_text("Wilt u een afspraak?")
        [message] = await town.brought("interactive")
        assert message["interactive"]["button_reply"]["id"] == "Ja, graag"


async def test_chosen_row_of_a_list_comes_back(browser: Browser) -> None:
    async with asked(browser) as (_, mailroom):
        await mailroom.choose("list")
        await mailroom.do("Welk loket?", button="Loketten", options="Noord\nZuid\nOost\nWest")
        await mailroom.use(mailroom.button("Loketten", "#chat"))
        await expect(mailroom.button("Noord", "#rows")).to_be_focused()
        await mailroom.press("ArrowDown", "ArrowDown", "Enter")
        await expect(mailroom.chat.locator(".mine").get_by_text("Oost", exact=True)).to_be_visible()
        assert await mailroom.violations() == []


@pytest.mark.parametrize(
    ("kind", "tap", "came"),
    [("location", "phone.location", "location"), ("contact", "phone.share", "contacts")],
)
async def test_requested_location_or_contact_is_given_with_one_tap(
    browser: Browser, kind: str, tap: str, came: str
) -> None:
    async with asked(browser) as (town, mailroom):
        await mailroom.choose(kind)
        await mailroom.do("Dan kunnen wij u helpen.")
        await mailroom.use(mailroom.button(mailroom.word(tap), "#chat"))
        await expect(mailroom.chat.locator(".mine")).to_have_count(2)
        await expect(mailroom.letters).to_have_count(1)
        await town.brought(came)
        assert [message["type"] for message in town.said()] == ["text", came]


async def test_phone_shows_a_link_a_template_and_a_file(browser: Browser, tmp_path: Path) -> None:
    letter = tmp_path / "brief.pdf"
    letter.write_bytes(b"%PDF-1.7")
    async with asked(browser) as (town, mailroom):
        await mailroom.choose("url")
        await mailroom.do("Maak een afspraak.", button="Afspraak", url="https://almelo.example/a")
        link = mailroom.chat.get_by_role("link", name="Afspraak")
        await expect(link).to_have_attribute("href", "https://almelo.example/a")
        await mailroom.choose("template")
        await mailroom.do("overmorgen", template="paspoort_klaar")
        await expect(mailroom.chat.get_by_text("Sjabloon: paspoort_klaar")).to_be_visible()
        await expect(mailroom.chat.get_by_text("overmorgen")).to_be_visible()
        await mailroom.choose("media")
        await mailroom.field("file").set_input_files(letter)
        await mailroom.do("Dit is de brief.")
        await expect(mailroom.chat.get_by_role("link", name="brief.pdf")).to_be_visible()
        assert isinstance(town.orders[-1], MediaMessage)
        assert await mailroom.violations() == []
        await mailroom.picture("sent-nl")


async def test_desk_quotes_a_message_and_gives_and_takes_back_a_thumb(
    browser: Browser,
) -> None:
    async with asked(browser) as (town, mailroom):
        await mailroom.use(mailroom.button(mailroom.word("desk.quote")))
        await expect(mailroom.answer_box).to_be_focused()
        await expect(mailroom.page.locator("#quoting-text")).to_contain_text(QUESTION)
        await mailroom.do("Dit kan aan de balie.")
        await expect(mailroom.chat.locator(".theirs .quoted")).to_contain_text(QUESTION)
        await expect(mailroom.page.locator("#quoting")).to_be_hidden()
        quoting = town.orders[-1]
        assert isinstance(quoting, TextMessage)
        assert quoting.reply_to is not None
        thumb = mailroom.button(mailroom.word("desk.react"))
        for pressed, emoji in (("true", "👍"), ("false", "")):
            await mailroom.use(thumb)
            await expect(thumb).to_have_attribute("aria-pressed", pressed)
            given = town.orders[-1]
            assert isinstance(given, ReactionMessage)
            assert given.reaction.emoji == emoji
        await expect(mailroom.thread.locator("li")).to_have_count(2)


async def test_conversation_is_noted_passed_on_and_closed(browser: Browser) -> None:
    async with asked(browser) as (town, mailroom):
        await mailroom.choose("note")
        await mailroom.do("Belde gisteren ook.")
        await expect(mailroom.thread.get_by_text("Belde gisteren ook.")).to_be_visible()
        await mailroom.choose("transfer")
        await mailroom.field("department").select_option("belastingen")
        await mailroom.do("Gaat over de leges.")
        await mailroom.open_hole("Belastingen")
        await expect(mailroom.thread.get_by_text("Gaat over de leges.")).to_be_visible()
        await mailroom.choose("close")
        await mailroom.do("")
        await expect(mailroom.thread.get_by_text(mailroom.word("desk.closed"))).to_be_visible()
        assert [type(order) for order in town.orders] == [Note, Transfer, Close]
        assert all(order.author.id == "sandbox" for order in town.orders)  # type: ignore[attr-defined]
        assert await mailroom.violations() == []


async def test_invalid_answer_stays_at_the_desk_with_its_reason(
    browser: Browser,
) -> None:
    async with asked(browser) as (_, mailroom):
        await mailroom.choose("buttons")
        await mailroom.tab_to(mailroom.field("options"))
        await mailroom.page.keyboard.insert_text("Ja\nNee\nMisschien\nLater")
        await mailroom.tab_to(mailroom.answer_box)
        await mailroom.type("Komt u?")
        await mailroom.press("Control+Enter")
        await expect(mailroom.page.locator("#desk-complaint")).to_contain_text("at most 3")
        await expect(mailroom.answer_box).to_have_value("Komt u?")
        await expect(mailroom.field("options")).to_have_value("Ja\nNee\nMisschien\nLater")
        mailroom.errors.clear()  # the browser itself reports the refusal


async def test_answer_in_doubt_waits_until_a_person_settles_it(browser: Browser) -> None:
    async with asked(browser) as (town, mailroom):
        await mailroom.answer("Kom maar langs.")
        read = mailroom.thread.get_by_text(mailroom.word("status.read"), exact=True)
        await expect(read).to_be_visible()
        [answer] = town.outgoing.values()
        await town.tell_status(answer, "played")
        played = mailroom.thread.get_by_text(mailroom.word("status.played"))
        await expect(played).to_be_visible()
        hole = mailroom.hole("Burgerzaken")
        for seen, status in (("sent", "sent"), ("not_sent", "accepted")):
            await expect(hole).to_contain_text(mailroom.word("desk.done", n="1"))
            await town.tell_status(answer, "unknown", UNCONFIRMED)
            await expect(mailroom.letters).to_contain_text(mailroom.word("desk.doubt"))
            await expect(hole).to_contain_text(mailroom.word("desk.waiting", n="1"))
            await expect(mailroom.thread.get_by_text(UNCONFIRMED)).to_be_visible()
            assert await layout_faults(mailroom) == []
            assert await mailroom.violations() == []
            await mailroom.picture(f"doubt-{seen}-nl")
            await mailroom.use(mailroom.button(mailroom.word(f"settle.{seen}")))
            became = mailroom.thread.get_by_text(mailroom.word(f"status.{status}"), exact=True)
            await expect(became).to_be_visible()
            await expect(mailroom.thread.get_by_text("stelde vast")).to_be_visible()
            await expect(mailroom.letters).to_contain_text(mailroom.word("desk.answered"))
            settled = town.orders[-1]
            assert isinstance(settled, Settle)
            assert (settled.seen, settled.author.id) == (seen, "sandbox")
        await expect(hole).to_contain_text(mailroom.word("desk.done", n="1"))


async def test_conversation_known_in_part_is_never_answered(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await town.write_first("31600000077", NUMBER, "Wij lezen dit morgen.", author="automated")
        await expect(mailroom.letters).to_contain_text(mailroom.word("desk.partial"))
        await mailroom.open_hole("Klantcontact")
        await mailroom.open_hole("Burgerzaken")
        hole = mailroom.hole("Burgerzaken")
        await expect(hole).to_contain_text(mailroom.word("desk.waiting", n="1"))
        await expect(mailroom.thread).to_contain_text(mailroom.word("desk.partial.lead"))
        assert await mailroom.violations() == []
        await mailroom.picture("partial-nl")
        assert await mailroom.page.evaluate(LOST) == {
            "asked": "waits",
            "answered": "handled",
            "readAgain": "handled",
            "lateStatus": "waits",
            "thanksAfterLoss": "waits",
            "afterMissed": "waits",
            "closedBeforeMissed": "waits",
            "forgotten": "unknown",
            "lateStatusOfForgotten": "unknown",
            "doubtInForgotten": "in doubt",
            "remembered": 300,
            "gaps": [False, True, True],
        }
