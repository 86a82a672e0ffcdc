"""Author and note of what is done in ITA, from its logbook in an Objecten API."""

from collections.abc import AsyncIterator

import pytest

from deliverer.destinations.openklant.desk.logbook import ObjectsApi
from sandbox.ita.objects import BASE, Objects
from services.contract import ReopenConversation, TransferConversation
from services.http.application import api_app
from services.http.server import serve
from tests.support.openklant.desk import SANNE, Desk, actions_after, found_after
from tests.support.openklant.register import Register, Scene

TOKEN = "objecten"
NOTE = "Dit gaat over haar paspoort"


@pytest.fixture
async def objects(register: Register, desk: Desk) -> AsyncIterator[ObjectsApi]:
    """An Objecten API with the logbooks of this desk, which the poller may read."""
    app = api_app(Objects(TOKEN, [], desk.ita.log).routes())
    async with serve(app, "127.0.0.1", 0) as port:
        register.objects = ObjectsApi(
            register.link, f"http://127.0.0.1:{port}{BASE}", lambda: TOKEN
        )
        yield register.objects


async def test_a_change_made_there_has_its_author_and_the_note(
    register: Register,
    scene: Scene,
    desk: Desk,
    objects: ObjectsApi,
    capfd: pytest.CaptureFixture[str],
) -> None:
    await scene.ask()
    await desk.take()
    await found_after(register)
    await desk.forward("burgerzaken", "jouke", NOTE)
    await found_after(register)
    await desk.close()
    await found_after(register)
    await desk.reopen()
    taken, forwarded, _, reopened = await found_after(register)
    assert taken.action == TransferConversation(
        to_department="afval", employee=SANNE, reason="opgepakt in Open Klant"
    )
    assert forwarded.action == TransferConversation(
        to_department="burgerzaken",
        employee="jouke",
        reason=f"doorgestuurd in Open Klant: {NOTE}",
    )
    assert reopened.action == ReopenConversation(reason="heropend in Open Klant: toch niet klaar")
    authors = [one.author for one in (taken, forwarded, reopened)]
    assert [(one.kind, one.id) for one in authors if one] == [("employee", SANNE)] * 3
    out = capfd.readouterr().err
    assert NOTE not in out and SANNE not in out and "openklant.logbook" not in out


async def test_a_logbook_that_may_not_be_read_is_asked_for_once_a_round(
    register: Register,
    scene: Scene,
    desk: Desk,
    objects: ObjectsApi,
    capfd: pytest.CaptureFixture[str],
) -> None:
    register.objects = objects._replace(token=lambda: "wrong")
    await scene.ask()
    await desk.forward("burgerzaken", note=NOTE)
    await Scene(register, "10000001-c2").ask()
    await desk.forward("burgerzaken", note=NOTE)
    plain = TransferConversation(to_department="burgerzaken", reason="doorgestuurd in Open Klant")
    assert await actions_after(register) == [plain, plain]
    assert [status for *_, status in register.link.answers].count(401) == 1
    assert capfd.readouterr().err.count("openklant.logbook") == 1
