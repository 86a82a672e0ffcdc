"""ITA works with every contact of ours, after any history."""

from random import Random

import pytest

from tests.support.example_count import example_count
from tests.support.openklant.desk import SEND, Desk
from tests.support.openklant.history import LAST, History
from tests.support.openklant.register import REAL, Register

STEPS = 20


@pytest.mark.parametrize("part", range(4))
async def test_ita_opens_every_contact_and_its_mailer_runs_through_after_any_history(
    register: Register, desk: Desk, part: int
) -> None:
    """Each contact has a number, at most one task, one department; the last question is open."""
    # A real one still has the contacts of other tests.
    register.channel, register.answer_channel = f"WhatsApp {register.run}", f"{SEND} {register.run}"
    desk.channels.append(register.answer_channel)
    for seed in range(part, 12 if REAL else example_count(200), 4):
        await register.reset()
        history = History(register, desk, Random(seed), f"10000001-h{seed}")
        await history.run(STEPS)
        said = f"seed {seed}: {history.taken}"
        assert await desk.ita.find_faults(register.channel) == [], said
        assert (await desk.notify()).stopped == "", said
        open_contacts = [
            one
            for one in await register.contacts()
            if [task["status"] for task in one["taken"]] == ["te_verwerken"]
        ]
        texts = [str(one["inhoud"]) for one in open_contacts]
        assert any(LAST in text or "[ingekort; het geheel" in text for text in texts), said
