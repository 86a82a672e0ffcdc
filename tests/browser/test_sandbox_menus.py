"""Menus as the router makes them, on the phone: opened, walked and chosen from by keyboard."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from router.conversation import menus
from services.config.routing_rules import Menu, Option
from tests.support.browser.faults import ONE_PART, faults, faults_at
from tests.support.browser.page import IN_CHROMIUM, MailroomPage
from tests.support.browser.record_entries import outgoing
from tests.support.browser.small_town import SmallTown
from tests.support.browser.walks import town_and_page

pytestmark = IN_CHROMIUM

STREET = Menu(
    id="straat",
    text="keuze",
    options=(
        Option(id="afval", title="Afval en containers", department="openbare-ruimte"),
        Option(id="kapot", title="Iets kapot", description="Stoep, weg, lamp", department="o"),
    ),
)
SUBJECTS = Menu(
    id="onderwerp",
    text="keuze",
    options=(
        Option(id="paspoort", title="Paspoort, ID, rijbewijs", department="burgerzaken"),
        Option(id="straat", title="Afval en straat", description="Ook: groen", menu="straat"),
        Option(id="anders", title="Iets anders, medewerker", department="klantcontact"),
    ),
)
BUTTONS = Menu(id="taal", text="keuze", options=SUBJECTS.options[1:2] + STREET.options[1:])
ASKED = "Waarover gaat uw vraag? Kijk ook op https://www.stad.example."


ARABIC = "شكرًا.\nTel: 14 0999, Gemeente Voorbeeldstad"
PLACED = """(element, parts) => parts.map((part) => {
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (!texts.nextNode().data.includes(part));
  const range = document.createRange(), start = texts.currentNode.data.indexOf(part);
  range.setStart(texts.currentNode, start);
  range.setEnd(texts.currentNode, start + part.length);
  const box = element.getBoundingClientRect(), here = range.getBoundingClientRect();
  return [Math.round(here.left - box.left), Math.round(box.right - here.right)];
})"""
"""Script that tells how far each of these parts of a text is from the left side and the right."""


async def ask(town: SmallTown, path: str, menu: Menu) -> None:
    """The menu goes out by itself, as an answer to the one conversation that there is."""
    await offer(town, ASKED, menus.build_payload(path, menu, ASKED, ""))


async def offer(town: SmallTown, text: str, content: dict[str, Any]) -> None:
    """A text of the municipality in the one conversation that there is."""
    [conversation] = town.records
    entry = outgoing(conversation, text, content["type"])
    entry["department"] = town.departments[conversation]
    town.records[conversation].append(entry)
    town.outgoing[entry["id"]] = entry
    entry["wamid"] = await town.offer(conversation, entry, content)


async def choice(town: SmallTown, count: int = 1) -> dict[str, Any]:
    """The citizen's choice of this number, as Meta brought it."""
    interactive: dict[str, Any] = (await town.brought("interactive", count))[-1]["interactive"]
    return interactive


async def say_good_morning(mailroom: MailroomPage) -> None:
    await mailroom.send("Goedemorgen")
    await expect(mailroom.thread.get_by_text("Goedemorgen")).to_be_visible()


async def test_list_opens_closes_and_is_chosen_from_with_the_keyboard(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await say_good_morning(mailroom)
        await ask(town, "onderwerp", SUBJECTS)
        opens = mailroom.button(menus.LIST_BUTTON, "#chat")
        await mailroom.use(opens)
        rows = mailroom.page.get_by_role("dialog", name=menus.LIST_BUTTON)
        await expect(rows.get_by_role("button", name="Paspoort, ID, rijbewijs")).to_be_focused()
        assert await mailroom.focus_is_visible()
        assert await faults(mailroom) == []
        await mailroom.picture("menu-nl")
        await mailroom.press("Escape")
        await expect(rows).to_be_hidden()
        await expect(opens).to_be_focused()
        await mailroom.press("Enter", "ArrowUp", "ArrowUp", "Enter")
        await expect(rows).to_be_hidden()
        await expect(mailroom.message_box).to_be_focused()
        await expect(mailroom.chat.locator(".mine").last).to_contain_text("Afval en straat")
        assert (await choice(town))["list_reply"]["id"] == "menu:onderwerp/straat"


async def test_submenu_leads_back_and_an_older_menu_still_works(
    browser: Browser,
) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await say_good_morning(mailroom)
        await ask(town, "onderwerp", SUBJECTS)
        await expect(mailroom.button(menus.LIST_BUTTON, "#chat")).to_have_count(1)
        await ask(town, "onderwerp/straat", STREET)
        opens = mailroom.button(menus.LIST_BUTTON, "#chat")
        await expect(opens).to_have_count(2)
        await opens.last.click()
        await mailroom.page.get_by_role("dialog").get_by_role("button", name="Terug").click()
        await expect(mailroom.chat.locator(".mine")).to_have_count(2)
        assert (await choice(town))["list_reply"]["id"] == "menu:onderwerp/straat/terug"
        await opens.first.click()
        await mailroom.page.get_by_role("dialog").get_by_role("button", name="Paspoort").click()
        await expect(mailroom.chat.locator(".mine")).to_have_count(3)
        assert (await choice(town, 2))["list_reply"]["id"] == "menu:onderwerp/paspoort"
        await mailroom.send("Ik typ het liever")


async def test_menu_of_buttons_is_tapped_and_its_address_can_be_opened(browser: Browser) -> None:
    async with town_and_page(browser) as (town, mailroom):
        await say_good_morning(mailroom)
        assert BUTTONS.has_buttons
        await ask(town, "taal", BUTTONS)
        link = mailroom.chat.get_by_role("link", name="https://www.stad.example")
        await expect(link).to_have_attribute("href", "https://www.stad.example")
        await mailroom.use(mailroom.button("Afval en straat", "#chat"))
        await expect(mailroom.chat.locator(".mine")).to_have_count(2)
        assert (await choice(town))["button_reply"]["id"] == "menu:taal/straat"
        await offer(town, ARABIC, {"type": "text", "text": {"body": ARABIC}})
        spoken = mailroom.chat.locator(".theirs p").filter(has_text="14 0999")
        arabic, label, area, number = await spoken.evaluate(PLACED, ["شكرًا", "Tel", "14", "0999"])
        assert max(arabic[1], label[0]) < 5  # each line from its own side
        assert arabic[0] > 50
        assert label[0] < area[0] < number[0]


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_open_list_has_no_faults_on_a_small_screen(browser: Browser, language: str) -> None:
    async with town_and_page(browser, "phone", language) as (town, mailroom):
        await mailroom.send("Goedemorgen")
        await expect(mailroom.chat.locator(".is-accepted")).to_be_visible()
        await ask(town, "onderwerp", SUBJECTS)
        await mailroom.use(mailroom.button(menus.LIST_BUTTON, "#chat"))
        await expect(mailroom.page.get_by_role("dialog")).to_be_visible()
        assert await faults_at(mailroom, ONE_PART, "menu", dialog=True) == {}
