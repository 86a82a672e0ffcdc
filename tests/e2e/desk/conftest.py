"""One town with a desk for all of these tests of a module, and the people at it."""

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.desk.employee import Employee
from tests.support.desk.town import with_desk
from tests.support.installation import Installation, installed


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder: Path = tmp_path_factory.mktemp("town")
    with installed(folder, with_desk, has_desk=True) as installation:
        yield installation


@pytest.fixture
async def lotte(town: Installation, session: aiohttp.ClientSession) -> Employee:
    """At Burgerzaken."""
    return await logged_in(town, session, "l.hendriks")


@pytest.fixture
async def murat(town: Installation, session: aiohttp.ClientSession) -> Employee:
    """At the contact centre, Burgerzaken and Openbare ruimte."""
    return await logged_in(town, session, "m.yildiz")


@pytest.fixture
async def hanna(town: Installation, session: aiohttp.ClientSession) -> Employee:
    """At Zorg en jeugd, which is confidential."""
    return await logged_in(town, session, "h.vos")


@pytest.fixture
async def sanne(town: Installation, session: aiohttp.ClientSession) -> Employee:
    """Functional manager of all departments, and owner of the desk's destination."""
    return await logged_in(town, session, "s.dewit")


@pytest.fixture
async def wim(town: Installation, session: aiohttp.ClientSession) -> Employee:
    """Archivist and privacy officer, for all departments."""
    return await logged_in(town, session, "w.dekker")


async def logged_in(town: Installation, session: aiohttp.ClientSession, person: str) -> Employee:
    employee = Employee(session, town.desk)
    await employee.log_in(person)
    return employee
