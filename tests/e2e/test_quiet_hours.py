"""An unasked message waits for the morning while an answer to the same citizen goes at once.

Its sender hears how long it waits. All of the installation runs.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services import clock
from services.calendar.opening_hours import AMSTERDAM
from tests.support.citizens import NUMBER, phone
from tests.support.e2e.crm_desk import AUTHOR, Desk, wrote
from tests.support.installation import Installation, installed
from tests.support.observer import Watch, until

TEMPLATE: dict[str, Any] = {
    "author": AUTHOR,
    "type": "template",
    "template": {"name": "herinnering", "language": "nl"},
}
CONSENT = {"purpose": "herinneringen", "givenAt": "2026-01-05T10:00:00+01:00", "source": "balie"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    now = clock.now().astimezone(AMSTERDAM)
    begins, ends = (now - timedelta(hours=1)).time(), (now + timedelta(hours=2)).time()
    night = f'night = "{begins:%H:%M}-{ends:%H:%M}"'
    folder: Path = tmp_path_factory.mktemp("night")
    with installed(folder, lambda text: text.replace('night = ""', night, 1)) as installation:
        yield installation


async def test_reminder_waits_for_the_morning_and_answers_go_at_night(watch: Watch) -> None:
    desk, anna = Desk(watch), 181
    reminder = TEMPLATE | {"number": NUMBER, "to": phone(anna), "consent": CONSENT}
    status, unasked = await desk.post("/v1/messages", reminder)
    assert status == 202
    told = await until(lambda: desk.status(unasked["id"]), lambda s: s["reason"], 10)
    assert told["status"] == "accepted" and told["code"] is None
    assert told["reason"].startswith("night_rest: wacht tot ")
    asked = await wrote(watch, "mag ik nog iets vragen", "wamid.night", anna)
    for body in ({}, TEMPLATE):
        status, answer = await desk.answer(asked["conversationId"], **body)
        assert status == 202
        await until(lambda id=answer["id"]: desk.status(id), _is_delivered, 10)  # type: ignore[misc]
    assert (await desk.status(unasked["id"])) == told


def _is_delivered(told: dict[str, Any]) -> bool:
    return bool(told["status"] == "delivered")
