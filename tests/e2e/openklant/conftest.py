"""A town with an Open Klant whose departments answer in ITA, on a simulated clock."""

import secrets
from collections.abc import Iterator
from random import Random

import aiohttp
import pytest

from tests.e2e.test_weekend import FRIDAY, open_on_weekdays
from tests.support.e2e.ita_desk import ItaDesk
from tests.support.installation import Installation
from tests.support.observer import Watch
from tests.support.openklant.desk import SEND
from tests.support.openklant.town import TOKEN, with_open_klant
from tests.support.pii_markers import Marks
from tests.support.simulated_clock import SimulatedClock, simulated

CONFIDENTIAL = """
[[departments]]
id = "jeugd"
tenant = "almelo"
name = "Jeugdzorg"
destination = "crm"
confidential = true

[[rules]]
id = "jeugd"
words = ["kind"]
department = "jeugd"
"""


@pytest.fixture(scope="module")
def clock() -> Iterator[SimulatedClock]:
    with simulated(FRIDAY) as clock:
        yield clock


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, clock: SimulatedClock) -> Iterator[Installation]:
    answers = f'\nanswer_channel = "{SEND}"\nlook_seconds'

    def change(config: str) -> str:
        config = with_open_klant(open_on_weekdays(config))
        return config.replace("\nlook_seconds", answers) + CONFIDENTIAL

    town = Installation(tmp_path_factory.mktemp("desk"), change)
    town.more = clock.environment | {"OPENKLANT_TOKEN": TOKEN}
    town.database.more = clock.environment
    try:
        town.start()
        yield town
    finally:
        town.discard()


@pytest.fixture(scope="module")
def marks() -> Marks:
    return Marks(Random(secrets.randbits(64)))


@pytest.fixture
def desk(watch: Watch, session: aiohttp.ClientSession, marks: Marks) -> ItaDesk:
    return ItaDesk(watch, session, marks)
