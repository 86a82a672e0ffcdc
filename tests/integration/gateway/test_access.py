"""A token reads what it is and which departments there are, over a real socket and a real
PostgreSQL."""

from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from gateway.intake import Intake
from gateway.service import run_api
from gateway.stops import StoppedNumbers
from services import clock
from services.config import loader
from services.config.reload import ActiveVersion
from services.config.settings import GatewaySettings, load
from services.http.application import api_app
from services.http.server import serve
from services.postgres.database import Pool
from tests.support.cli.command_line import SETTINGS
from tests.support.installation import EXAMPLE
from tests.support.integration.crm_desk import Taken, desk_of
from tests.support.observer import until
from tests.support.tokens import bearer

HOURS = 'hours = "Mo-Fr 09:00-17:00; Th 09:00-20:00; PH off"'


async def test_access_needs_no_role_and_the_departments_need_one(pool: Pool) -> None:
    async with desk_of(pool, "burgerzaken", roles=frozenset(), person="s.jansen") as desk:
        status, access = await desk.ask("GET", "access")
        assert (status, access["roles"], access["person"]) == (200, [], "s.jansen")
        assert [each["id"] for each in access["departments"]] == ["burgerzaken"]
        status, told = await desk.ask("GET", "departments")
        assert (status, told["detail"]) == (403, "this token has not the role 'send'")


async def test_access_counts_for_the_rate_of_the_token(pool: Pool) -> None:
    async with desk_of(pool, burst=1, per_second=1) as desk:
        answers = [await desk.ask("GET", path) for path in ("access", "access", "departments")]
    assert [status for status, _ in answers] == [200, 429, 429]


async def test_departments_follow_the_configuration_without_a_restart(
    pool: Pool,
    tmp_path: Path,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.config.reload.POLL_SECONDS", 0.02)
    text = EXAMPLE.read_text()
    assert HOURS in text
    file, today = tmp_path / "postkamer.toml", clock.now().date()
    file.write_text(text.replace(HOURS, ""))  # always open
    given = {"POSTKAMER_CONFIG": str(file), "POSTKAMER_OBJECT_STORE": f"file://{tmp_path}"}
    version = ActiveVersion(loader.load(file))
    settings = load(GatewaySettings, SETTINGS | given)
    run = run_api(settings, version, pool, cast(Intake, Taken()), StoppedNumbers())
    async with run as (routes, _, _), serve(api_app(routes), "127.0.0.1", 0) as port:

        async def listed(path: str) -> dict[str, Any]:
            url = f"http://127.0.0.1:{port}/v1/{path}"
            async with session.get(url, headers=bearer("d")) as answer:
                assert answer.status == 200
                return {each["id"]: each for each in (await answer.json())["departments"]}

        before = (await listed("departments"))["burgerzaken"]
        assert (before["openNow"], before["opensAt"]) == (True, None)
        first, last = today - timedelta(days=2), today + timedelta(days=2)
        closing = f'[[closings]]\nfirst = {first}\nlast = {last}\ndepartments = ["burgerzaken"]\n'
        secret = text.replace(HOURS, "").replace(
            'id = "burgerzaken"\n', 'id = "burgerzaken"\nconfidential = true\n'
        )
        file.write_text(f"{secret}\n{closing}")
        await until(
            lambda: listed("departments"), lambda now: not now["burgerzaken"]["openNow"], 10
        )
        after = await listed("departments")  # all of it after the change
        assert after["burgerzaken"]["opensAt"] is not None
        assert after["burgerzaken"]["confidential"] and not after["burgerzaken"]["yours"]
        assert "burgerzaken" not in await listed("access")
        async with session.get(f"http://127.0.0.1:{port}/v1/access") as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
