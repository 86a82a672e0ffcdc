"""The desk shows the decisions of routing: labels, automatic texts and alarms."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from gateway.requests.changes import Close, Confirm, Transfer
from services import clock
from services.event_types import (
    CARE_ALARM,
    CARE_CONFIRMED,
    CASE_LINKED,
    CLOSED,
    REOPENED,
    STATUS_CHANGED,
)
from tests.support.browser.faults import ONE_PART, faults, faults_at, layout_faults, resize
from tests.support.browser.page import IN_CHROMIUM, MailroomPage
from tests.support.browser.small_town import SmallTown
from tests.support.browser.walks import town_and_page

pytestmark = IN_CHROMIUM

QUESTION = "Ik maak bezwaar en ik wil niet meer. Mijn paspoort ligt hier."
TOLD = "Wilt u bezwaar maken? " + "Dat kan niet via WhatsApp. Doe het via het formulier. " * 4
STANDING: dict[str, Any] = {
    "task": True,
    "provisional": False,
    "tags": ["officieel", "pers"],
    "priority": "urgent",
    "language": "de",
    "due": "2027-01-07",
    "care": "suicide",
    "sensitive": ["bsn"],
    "windowUntil": "2026-11-27T03:35:27Z",
}


def automatic(name: str, text: str) -> dict[str, Any]:
    return {"automatic": {"messageId": str(clock.new_id()), "name": name, "text": text}}


async def alarm(town: SmallTown, nth: int = 1, **care: str) -> None:
    [conversation] = town.records
    await town.tell(CARE_ALARM, {"conversationId": conversation, "nth": nth} | care)


DRAW_LATER = """() => {
  const [frame, later] = [requestAnimationFrame, []];
  requestAnimationFrame = (draw) => later.push(draw);
  window.draw = () => {
    requestAnimationFrame = frame;
    later.forEach((draw) => frame(draw));
  };
}"""
"""Script after which the page is drawn when `window.draw` is called, as on a slow computer."""


async def ask_question(town: SmallTown, mailroom: MailroomPage, **beside: Any) -> None:
    """A citizen wrote something that a CRM is told all of this of."""
    town.beside = beside
    await mailroom.send(QUESTION)
    await expect(mailroom.thread.get_by_text(QUESTION)).to_be_visible()


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_letter_shows_all_that_is_known_of_it_without_faults_at_any_size(
    browser: Browser, language: str
) -> None:
    async with town_and_page(browser, language=language) as (town, mailroom):
        await ask_question(town, mailroom, **STANDING, **automatic("officieel", TOLD))
        await alarm(town, care="suicide")
        german = "Duits" if language == "nl" else "German"
        care = f"{mailroom.word('mark.care')}: {mailroom.word('care.suicide')}"
        for words in (mailroom.word("priority.urgent"), care, "officieel", "pers", german):
            await expect(mailroom.thread.get_by_text(words, exact=True).first).to_be_visible()
        await expect(mailroom.thread.get_by_text("2027")).to_be_visible()
        await expect(mailroom.thread.get_by_text("BSN")).to_be_visible()
        urgent = mailroom.letters.get_by_text(mailroom.word("priority.urgent"))
        await expect(urgent).to_be_visible()
        assert await faults_at(mailroom, ("desktop", "laptop", "tablet"), "routed") == {}
        await mailroom.page.locator(".views [data-view=desk]").evaluate("one => one.click()")
        assert await faults_at(mailroom, ONE_PART, "routed") == {}


async def test_automatic_reply_is_marked_unfolds_and_is_no_answer(
    browser: Browser,
) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom, task=True, **automatic("officieel", TOLD))
        own = mailroom.thread.locator(".automatic")
        await expect(own).to_contain_text(f"{mailroom.word('desk.automatic')} officieel")
        whole = own.get_by_text(TOLD.strip())
        await expect(whole).to_be_hidden()
        await mailroom.use(own.locator("summary"))
        await expect(whole).to_be_visible()
        await expect(mailroom.letters).to_contain_text(mailroom.word("desk.unanswered"))


@pytest.mark.parametrize("kind", ["automated", "system"])
async def test_confidential_message_of_a_system_is_no_answer(browser: Browser, kind: str) -> None:
    """Its text is left out, so only the author's kind tells it from an employee's answer."""
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom, task=True)
        [conversation] = town.records
        status = {
            "messageId": str(clock.new_id()),
            "status": "delivered",
            "at": "2026-11-26T10:00:00Z",
        }
        about = {"conversationId": conversation, "department": "burgerzaken"}
        await town.tell(STATUS_CHANGED, about | status | {"author": {"kind": kind}})
        delivered = mailroom.thread.get_by_text(mailroom.word("status.delivered"))
        await expect(delivered.first).to_be_visible()
        await expect(mailroom.letters).to_contain_text(mailroom.word("desk.unanswered"))
        machine = mailroom.word("record.system" if kind == "system" else "record.automatic")
        await expect(mailroom.thread).to_contain_text(machine)


async def test_care_conversation_stays_on_top_until_a_person_answers(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom, **STANDING)
        town.beside = {"task": True}
        await mailroom.choose_citizen("Jan")
        await mailroom.send("Mijn paspoort is verlopen")
        letters = mailroom.letters
        await expect(letters).to_have_count(2)
        await expect(letters.first).to_contain_text("Fatima")
        asked, *_ = town.records
        machine = {"token": "crm", "author": {"kind": "system", "id": "bot"}}
        about = {"conversationId": asked, "department": "burgerzaken"}
        await town.tell(CLOSED, about | {"reason": "", "outcome": None, "by": machine})
        await expect(letters.first).to_contain_text(mailroom.word("desk.ended"))
        await expect(letters.first).to_contain_text("Fatima")
        await mailroom.use(letters.first.locator("button"))
        await mailroom.answer("Ik bel u nu.")
        await expect(letters.first).to_contain_text("Jan")


async def test_new_danger_is_on_top_again_after_a_confirmation(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom, **STANDING)
        await alarm(town, care="suicide")
        await mailroom.use(mailroom.button(mailroom.word("alarm.confirm"), "#alarms"))
        await expect(mailroom.thread.get_by_text(mailroom.word("desk.confirmed"))).to_be_visible()
        await mailroom.send("Ik kan echt niet meer.")  # the town is told of the same danger
        town.beside = {"task": True}
        await mailroom.choose_citizen("Jan")
        await mailroom.send("Mijn paspoort is verlopen")
        await expect(mailroom.letters).to_have_count(2)
        await expect(mailroom.letters.first).to_contain_text("Fatima")


async def test_confirmed_danger_waits_in_its_place(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom, **STANDING)
        await alarm(town, care="suicide")
        await mailroom.use(mailroom.button(mailroom.word("alarm.confirm"), "#alarms"))
        await expect(mailroom.thread.get_by_text(mailroom.word("desk.confirmed"))).to_be_visible()
        town.beside = {"task": True}
        await mailroom.choose_citizen("Jan")
        await mailroom.send("Mijn paspoort is verlopen")
        await expect(mailroom.letters).to_have_count(2)
        await expect(mailroom.letters.first).to_contain_text("Jan")


async def test_provisional_conversation_is_no_work_until_it_is_decided(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom, provisional=True, task=False)
        open_still = mailroom.word("mark.provisional")
        await expect(mailroom.thread.get_by_text(open_still)).to_be_visible()
        await expect(mailroom.letters).to_contain_text(open_still)
        [conversation] = town.records
        decided = {"conversationId": conversation, "department": "burgerzaken", "reason": "Stil."}
        about = decided | automatic("keuze", "Waarover gaat uw vraag?")
        await town.tell("nl.postkamer.conversation-decided.v1", about)
        note = f"{mailroom.word('desk.decided', to='Burgerzaken')}: Stil."
        await expect(mailroom.thread.get_by_text(note)).to_be_visible()
        await expect(mailroom.thread.get_by_text("Waarover gaat uw vraag?")).to_be_visible()
        await expect(mailroom.thread.get_by_text(open_still)).to_have_count(0)
        await expect(mailroom.letters).to_contain_text(mailroom.word("desk.unanswered"))


async def test_thanks_after_an_answer_make_no_work(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom)
        await mailroom.answer("Dat is geregeld.")
        await expect(mailroom.letters).to_contain_text(mailroom.word("desk.answered"))
        town.beside = {"task": False}
        await mailroom.send("Dank u wel")
        await expect(mailroom.thread.get_by_text(mailroom.word("mark.no.task"))).to_be_visible()
        await expect(mailroom.letters).to_contain_text(mailroom.word("desk.answered"))


async def test_conversation_that_waits_too_long_gets_a_note_and_a_higher_priority(
    browser: Browser,
) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom)
        [conversation] = town.records
        about = {"conversationId": conversation, "department": "burgerzaken", "priority": "high"}
        await town.tell("nl.postkamer.conversation-waiting.v1", about | {"reason": "Te lang."})
        await expect(mailroom.thread.get_by_text(mailroom.word("desk.waited"))).to_be_visible()
        await expect(mailroom.letters).to_contain_text(mailroom.word("priority.high"))


async def test_record_shows_for_whom_an_alarm_was_raised_and_who_confirmed_it(
    browser: Browser,
) -> None:
    by_sanne = {"event": "confirmed", "author": {"kind": "employee", "id": "sanne"}}
    async with town_and_page(browser) as (town, mailroom):
        town.history = [
            {"event": "alarmed", "at": "2026-11-26T10:00:00Z", "asked": "piket", "author": None},
            {"at": "2026-11-26T10:04:00Z", "asked": None} | by_sanne,
            {"event": "linked", "at": "2026-11-26T10:05:00Z", "asked": None, "author": None},
        ]
        await ask_question(town, mailroom, **STANDING)
        alarms = mailroom.page.locator("#timeline .alarm")
        await expect(alarms).to_have_count(2)
        await expect(alarms.first).to_contain_text(mailroom.word("record.alarmed", asked="piket"))
        await expect(alarms.last).to_contain_text(mailroom.word("record.confirmed", who="sanne"))


async def test_alarm_is_shown_over_all_until_it_is_confirmed(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom, **STANDING)
        alarms = mailroom.page.get_by_role("region", name=mailroom.word("alarm.region"))
        await expect(alarms).to_be_hidden()
        await alarm(town, care="suicide")
        await expect(alarms).to_contain_text(mailroom.word("alarm.asked"))
        await expect(mailroom.announcer).to_contain_text(mailroom.word("care.suicide"))
        await alarm(town, 2)
        await expect(alarms).to_contain_text(mailroom.word("alarm.asked.many", n="2"))
        # Of a confidential department it is not told what it is.
        await expect(mailroom.announcer).to_contain_text(mailroom.word("care.other"))
        await mailroom.use(mailroom.button(mailroom.word("alarm.open"), "#alarms"))
        await expect(mailroom.page.locator("#thread-scroll")).to_be_focused()
        await mailroom.use(mailroom.button(mailroom.word("alarm.confirm"), "#alarms"))
        await expect(alarms).to_be_hidden()
        await expect(mailroom.page.locator("#desk")).to_be_focused()
        await expect(mailroom.thread.get_by_text(mailroom.word("desk.confirmed"))).to_be_visible()
        assert [type(order) for order in town.orders] == [Confirm]
        await mailroom.page.reload()
        await expect(mailroom.thread.get_by_text(QUESTION)).to_be_visible()
        await expect(alarms).to_be_hidden()
        await alarm(town, care="suicide")
        await expect(alarms).to_be_visible()
        [conversation] = town.records
        by = {"token": "crm", "author": {"kind": "employee", "id": "s.jansen"}}
        about = {"conversationId": conversation, "department": "burgerzaken"}
        await town.tell(CARE_CONFIRMED, about | {"by": by})  # at another CRM
        await expect(alarms).to_be_hidden()


async def test_official_conversation_closes_only_with_an_outcome(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom, tags=["officieel"])
        await mailroom.page.evaluate(DRAW_LATER)
        await mailroom.choose("close")
        outcome = mailroom.field("outcome")
        await mailroom.tab_to(mailroom.answer_box)
        await mailroom.press("Control+Enter")  # sooner than the page is drawn
        await expect(outcome).to_be_focused()  # the browser says that it is missing
        assert town.orders == []
        await mailroom.page.evaluate("window.draw()")
        await outcome.select_option("redirected")
        await mailroom.do("Heeft het formulier")
        told = f"{mailroom.word('desk.closed')}, {mailroom.word('outcome.redirected')}"
        await expect(mailroom.thread.get_by_text(told)).to_contain_text("Heeft het formulier")
        await expect(mailroom.letters).to_contain_text(mailroom.word("desk.ended"))
        [order] = town.orders
        assert isinstance(order, Close)
        assert order.outcome == "redirected"
        [conversation] = town.records
        about = {"conversationId": conversation, "department": "burgerzaken"}
        await town.tell(REOPENED, about | {"reason": "Formulier is kwijt"})
        again = mailroom.thread.get_by_text(mailroom.word("desk.reopened"))
        await expect(again).to_contain_text("Formulier is kwijt")
        await expect(mailroom.letters).to_contain_text(mailroom.word("desk.unanswered"))
        await town.tell(CASE_LINKED, about | {"zaak": "ZAAK-7"})
        await expect(mailroom.page.locator("body")).to_contain_text("ZAAK-7")
        await town.tell(CLOSED, about | {"reason": "", "outcome": "silent"})
        await expect(mailroom.thread).to_contain_text(mailroom.word("outcome.silent"))


async def test_refused_order_stays_at_the_desk_with_its_reason(
    browser: Browser,
) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom)
        town.beside = {"tags": ["officieel"]}  # which the desk has not heard of yet
        await mailroom.choose("close")
        await mailroom.tab_to(mailroom.answer_box)
        await mailroom.type("Klaar")
        await mailroom.press("Control+Enter")
        complaint = mailroom.page.locator("#desk-complaint")
        await expect(complaint).to_contain_text(mailroom.word("error.outcome_needed"))
        await expect(mailroom.answer_box).to_have_value("Klaar")


async def test_conversation_goes_to_the_front_desk_or_to_a_colleague(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await ask_question(town, mailroom)
        await mailroom.choose("transfer")
        await mailroom.do("Weet ik niet.", employee="m.devries")
        await mailroom.open_hole("Klantcontactcentrum")
        whose = mailroom.word("mark.assignee", assignee="m.devries")
        await expect(mailroom.page.locator("#thread-stand")).to_contain_text(whose)
        [order] = town.orders
        assert isinstance(order, Transfer)
        assert (order.department, order.employee) == (None, "m.devries")


async def fill_in_state(mailroom: MailroomPage, state: str, text: str) -> None:
    """Open the contact centre's panel and fill in the form, without sending it."""
    await mailroom.use(mailroom.page.locator("#centre summary"))
    await mailroom.tab_to(mailroom.page.locator("#state"))
    await mailroom.page.locator("#state").select_option(state)
    await mailroom.tab_to(mailroom.page.locator("#state-text"))
    await mailroom.type(text)


async def give_notice(mailroom: MailroomPage, text: str) -> None:
    await mailroom.tab_to(mailroom.page.locator("#notice-text"))
    await mailroom.type(text)
    await mailroom.use(mailroom.button(mailroom.word("centre.do.notice")))


async def test_contact_centre_shows_and_changes_the_state_and_notice_of_a_number(
    browser: Browser,
) -> None:
    async with town_and_page(browser) as (town, mailroom):
        state = mailroom.page.locator("#centre-state")
        await expect(state).to_have_text(mailroom.word("state.open"))
        await fill_in_state(mailroom, "closed", "Bel ons op 14 0999.")
        set_state = mailroom.button(mailroom.word("centre.do.state"))
        await mailroom.use(set_state)
        complaint = mailroom.page.locator("#centre-complaint")
        await expect(complaint).to_contain_text("telephone")
        assert await faults(mailroom) == []
        await mailroom.picture("centre-nl")
        mailroom.errors.clear()  # the browser itself reports the refusal
        await mailroom.page.locator("#state-text").fill("Mail ons op gemeente@stad.example.")
        await mailroom.use(set_state)
        await expect(state).to_have_text(mailroom.word("state.closed"))
        await expect(complaint).to_be_empty()
        await give_notice(mailroom, "Het is druk door de storm.")
        notice = mailroom.page.locator("#notice-now")
        await expect(notice).to_contain_text("Het is druk door de storm.")
        await mailroom.use(mailroom.button(mailroom.word("centre.do.clear")))
        await expect(notice).to_be_hidden()
        await mailroom.switch_language("en")
        await expect(state).to_have_text(mailroom.word("state.closed"))
        assert await layout_faults(mailroom) == []
        await resize(mailroom, "narrow")
        await mailroom.page.locator(".views [data-view=desk]").evaluate("one => one.click()")
        assert await faults(mailroom) == []
        await mailroom.switch_language("nl")
        assert await faults(mailroom) == []
        assert town.number.standing["state"] == "closed"
