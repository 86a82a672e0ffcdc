"""Reasons on the page: once each, in its language, with the version of the rules in a detail."""

import re
from collections.abc import Iterator
from typing import Any

from playwright.async_api import Browser, expect

from deliverer.meta.ledger import UNCONFIRMED
from router.conversation import reopen_request
from router.handlers import conversation_commands, timer_fired, unconfirmed_sends
from router.rules.reasons import DUTCH as SENTENCES
from services.whatsapp.delivery_status import WINDOW_CLOSED_CODE, error_explanation
from tests.support.browser.page import IN_CHROMIUM
from tests.support.browser.small_town import VERSION
from tests.support.browser.walks import town_and_page
from tests.support.router.bare_rules import why
from tests.support.router.names import NUMBER

pytestmark = IN_CHROMIUM

OTHER_REASONS = (
    SENTENCES.fallback,
    SENTENCES.weak_signs_alone.format("a1b2c3"),
    SENTENCES.weak_signs.format('"doet al", "dagen niet"', "a1b2c3"),
    timer_fired.WAITED,
    timer_fired.SILENT,
    timer_fired.UNANSWERED,
    timer_fired.CLOSING,
    conversation_commands.TOO_OFTEN,
    conversation_commands.REASON,
    reopen_request.ASKED,
    reopen_request.NOT_ASKED,
    error_explanation(WINDOW_CLOSED_CODE),
    UNCONFIRMED,
    f"{unconfirmed_sends.WENT} (WhatsApp Manager)",
    f"{unconfirmed_sends.SENT_AGAIN} (WhatsApp Manager)",
    '"Afval" is gekozen uit het menu; Parkeren is gesloten',
    "overgedragen: Gaat over de leges.",
)
CONDITIONS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"words": ["boom en gras"]}, {"text": "boom en gras"}),
    ({"words": ["paspoort"]}, {"text": "passpoort"}),
    ({"words": ["boom"]}, {"text": "bomen"}),
    ({"words": ["*vergunning"]}, {"text": "kapvergunning"}),
    ({"words": ["parkeer*"]}, {"text": "parkeer123456782"}),
    ({"pattern": "zaak"}, {"text": "zaak"}),
    ({"numbers": [NUMBER]}, {"number": NUMBER}),
    ({"choices": ["ja"], "languages": ["en"]}, {"choice": "ja", "language": "en"}),
    ({"referral": ["Jaar van"]}, {"referral": "Het jaar van de boom"}),
    ({"hours": "Mo-Fr 09:00-17:00"}, {}),
    ({"tagged": ["pers"]}, {"tags": frozenset({"pers"})}),
    ({"not": {"words": ["boom"]}}, {"text": "gras"}),
    *(({"types": [type], "words": ["a"]}, {"type": type, "text": "a"}) for type in SENTENCES.types),
    *(({"states": [state]}, {"state": state}) for state in SENTENCES.states),
)
"""Conditions of rules, each with a message for which it holds: every clause of the router's."""
DUTCH = re.compile(r"\b(?:het|de|een|en|niet|geen|staat|erin|regel|van|gesprek|inwoner|is ge\w+)\b")
"""Words of the router's sentences that no English sentence has."""
QUOTED = re.compile(r"“[^”]*”|: .*")
"""Words of a citizen or an employee, which stay as they are."""
IN_ENGLISH = """async (reasons) => {
  const { explain } = await import("/page/reasons.js");
  return Object.fromEntries(reasons.map((one) => [one, explain(one)]));
}"""


def reasons_of_rules() -> Iterator[str]:
    for condition, message in CONDITIONS:
        reason = why(**{"text": "", "condition": condition} | message)
        assert reason
        yield reason


async def test_reason_is_shown_once_and_the_version_unfolds(browser: Browser) -> None:
    async with town_and_page(browser) as (_, mailroom):
        for question in ("Mijn paspoort is kwijt", "En mijn paspoort?"):
            await mailroom.send(question)
            await expect(mailroom.thread.get_by_text(question)).to_be_visible()
        reason = mailroom.page.get_by_text("“paspoort” staat erin").filter(visible=True)
        await expect(reason).to_have_count(1)
        version = mailroom.page.get_by_text(VERSION).filter(visible=True)
        await expect(version).to_have_count(0)
        await mailroom.use(mailroom.thread.locator(".why summary"))
        await expect(version).to_have_count(1)
        assert await mailroom.violations() == []


async def test_reasons_of_rules_read_in_the_language_of_the_page(browser: Browser) -> None:
    async with town_and_page(browser, language="en") as (_, mailroom):
        await mailroom.send("Mijn paspoort is kwijt")
        await expect(mailroom.thread.get_by_text("the message says “paspoort”")).to_be_visible()
        english = await mailroom.page.evaluate(IN_ENGLISH, [*reasons_of_rules(), *OTHER_REASONS])
        own = {reason: QUOTED.sub("", words) for reason, words in english.items()}
        assert [reason for reason, words in own.items() if DUTCH.search(words)] == []
        late = error_explanation(WINDOW_CLOSED_CODE)
        assert english[late].startswith("131047: the citizen wrote")
        misspelled = '"passpoort" staat erin (verkeerd gespeld: "paspoort") (regel r)'
        assert english[misspelled] == "the message says “passpoort”, “paspoort” misspelled"
        assert english["overgedragen: Gaat over de leges."] == "passed on: Gaat over de leges."
