"""A confidential department's CRM is told little; a colleague with the right reads the rest."""

import itertools
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from playwright.async_api import expect

from tests.support.browser.page import MailroomPage, chromium, needs_chromium
from tests.support.citizens import NUMBER, phone, post, text, webhook
from tests.support.installation import NEIGHBOUR, Installation
from tests.support.observer import Watch, until
from tests.support.tokens import admitted, bearer, made

TOML = f"""
[[tenants]]
id = "almelo"
name = "Gemeente Almelo"

[[numbers]]
id = "{NUMBER}"
tenant = "almelo"
fallback = "klantcontact"

[[departments]]
id = "klantcontact"
tenant = "almelo"
name = "Klantcontact"
destination = "crm"

[[departments]]
id = "jeugd"
tenant = "almelo"
name = "Jeugdzorg"
public_name = "een collega"
destination = "crm"
confidential = true

[[destinations]]
id = "crm"
kind = "cloudevents"
url = "SANDBOX/crm/events"
secret = "env:CRM_SECRET"

[[rules]]
id = "jeugd"
words = ["kind"]
department = "jeugd"
{NEIGHBOUR}
"""
CITIZENS = itertools.count(300_000)
SECRET = "Mijn kind slaapt niet meer"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    town = Installation(tmp_path_factory.mktemp("town"))
    town.config.write_text(TOML.replace("SANDBOX", town.sandbox))
    try:
        town.start()
        yield town
    finally:
        town.discard()


async def write_confidentially(watch: Watch, wamid: str) -> dict[str, Any]:
    """The event of a confidential message, as the CRM got it."""
    seen = len(await watch.received())
    body = webhook(text(SECRET, wamid, next(CITIZENS)))
    assert await post(watch.session, watch.town.gateway, body) == 200
    received = await until(watch.received, lambda events: len(events) > seen, 10)
    event: dict[str, Any] = received[-1]["event"]
    return event


async def get_json(session: aiohttp.ClientSession, url: str, token: str) -> tuple[int, Any]:
    async with session.get(url, headers=bearer(token)) as answer:
        return answer.status, await answer.json()


async def test_confidential_event_has_no_text_and_the_archive_shows_it_to_its_department(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    event = await write_confidentially(watch, "wamid.secret")
    assert event["data"]["department"] == "jeugd" and event["data"]["task"]
    raw = str(event)
    assert "slaapt" not in raw and phone(300_000) not in raw
    theirs = await made(town.database.url, "jeugd", "almelo", departments=("jeugd",))
    others = await made(town.database.url, "balie", "almelo", departments=("klantcontact",))
    for token in (theirs, others):
        await admitted(session, town.archiver, token)

    async def found() -> tuple[int, Any]:
        return await get_json(session, event["dataref"], theirs)

    status, message = await until(found, lambda said: said[0] != 503, 10)
    assert (status, message["text"], message["id"]) == (200, SECRET, event["data"]["messageId"])
    assert {"kind": "phone", "value": phone(300_000)} in message["from"]["identities"]

    async def hidden() -> tuple[int, Any]:
        return await get_json(session, event["dataref"], others)

    await until(hidden, lambda said: said[0] == 404, 10)


@needs_chromium
async def test_sandbox_desk_shows_a_confidential_message_from_the_archive(
    town: Installation, watch: Watch
) -> None:
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        page = MailroomPage(await context.new_page(), town.sandbox)
        await page.open()
        await page.choose_citizen("Jan")
        await page.send(SECRET)
        await expect(page.thread.get_by_text(SECRET)).to_be_visible()
        await expect(page.page.locator("#thread-title")).to_contain_text("Jan de Boer")
        await expect(page.thread.get_by_text(page.word("mark.confidential"))).to_be_visible()
        await expect(page.hole("Jeugdzorg")).to_have_attribute("aria-selected", "true")
        assert page.errors == []
        assert await page.violations() == []
        await page.picture("confidential-nl")
