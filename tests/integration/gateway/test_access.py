"""A token reads what it is and which departments there are, over a real socket and a real
PostgreSQL."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from gateway.intake import Intake
from gateway.service import all_routes, follow_config, load_endpoints, run_api
from gateway.stops import StoppedNumbers
from gateway.webhook.handler import PATH, ClientCertificate, Webhook
from services import clock
from services.config import loader
from services.config.reload import ActiveVersion
from services.config.secret_files import LiveSettings
from services.config.settings import GatewaySettings, load
from services.http.application import api_app
from services.http.server import serve
from services.postgres.database import Pool
from tests.support.citizens import signature, text
from tests.support.citizens import webhook as webhook_of
from tests.support.cli.command_line import SETTINGS
from tests.support.installation import EXAMPLE
from tests.support.integration.crm_desk import Taken, desk_of
from tests.support.integration.rule_versions import note_questions, takes_a_judged_version
from tests.support.observer import until, until_true
from tests.support.tokens import bearer

ADDED = "306540352242924"
NUMBER_WITH_SECRET = f"""
[[numbers]]
id = "{ADDED}"
tenant = "almelo"
fallback = "klantcontact"
secrets = ["env:ADDED_SECRET"]
trial = true
"""
HOURS = 'hours = "Mo-Fr 09:00-17:00; Th 09:00-20:00; PH off"'


@asynccontextmanager
async def following(
    pool: Pool, environ: dict[str, str]
) -> AsyncIterator[tuple[int, ActiveVersion, Taken, LiveSettings[GatewaySettings]]]:
    """A gateway's port, the version that it goes by, the webhooks that it accepted, its secrets."""
    settings = load(GatewaySettings, environ)
    version, taken = ActiveVersion(loader.load(settings.config)), Taken()
    config, stopped, live = version.loaded.config, StoppedNumbers(), LiveSettings(settings, environ)
    endpoints = load_endpoints(settings, config, environ)
    webhook = Webhook(cast(Intake, taken), endpoints, config, ClientCertificate(), stopped)
    async with (
        run_api(settings, config, pool, cast(Intake, taken), stopped) as api,
        follow_config(live, version, webhook, api, pool),
        serve(api_app(all_routes(webhook, api.routes)), "127.0.0.1", 0) as port,
    ):
        yield port, version, taken, live


async def sent_for(session: aiohttp.ClientSession, url: str, number: str) -> tuple[int, str]:
    """Send a message for a number; return the status and the code of the refusal."""
    order = {"number": number, "to": "+31600000011", "type": "text", "text": {"body": "a"}}
    headers = bearer("d") | {"Idempotency-Key": "first"}
    async with session.post(f"{url}/v1/messages", json=order, headers=headers) as answer:
        return answer.status, (await answer.json()).get("code", "")


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
    asked, example = note_questions(monkeypatch, "gateway"), EXAMPLE.read_text()
    assert HOURS in example
    file, today = tmp_path / "postkamer.toml", clock.now().date()
    file.write_text(example.replace(HOURS, ""))  # always open
    given = {"POSTKAMER_CONFIG": str(file), "POSTKAMER_OBJECT_STORE": f"file://{tmp_path}"}
    async with following(pool, SETTINGS | given) as (port, version, *_):

        async def listed(path: str) -> dict[str, Any]:
            url = f"http://127.0.0.1:{port}/v1/{path}"
            async with session.get(url, headers=bearer("d")) as answer:
                assert answer.status == 200
                return {each["id"]: each for each in (await answer.json())["departments"]}

        before = (await listed("departments"))["burgerzaken"]
        assert (before["openNow"], before["opensAt"]) == (True, None)
        first, last = today - timedelta(days=2), today + timedelta(days=2)
        closing = f'[[closings]]\nfirst = {first}\nlast = {last}\ndepartments = ["burgerzaken"]\n'
        secret = example.replace(HOURS, "").replace(
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
        assert asked == []
        await takes_a_judged_version(pool, file, version, asked)


async def test_number_that_is_added_has_its_webhook_and_its_api_once_its_secret_is_there(
    pool: Pool,
    tmp_path: Path,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.config.reload.POLL_SECONDS", 0.02)
    file = tmp_path / "postkamer.toml"
    file.write_text(EXAMPLE.read_text())
    given = {"POSTKAMER_CONFIG": str(file), "POSTKAMER_OBJECT_STORE": f"file://{tmp_path}"}
    environ, body = SETTINGS | given, webhook_of(text("hoi", "wamid.1", 1), number=ADDED)
    async with following(pool, environ) as (port, version, taken, live):
        prepare = live.prepare
        url = f"http://127.0.0.1:{port}"

        async def posted(secret: str) -> int:
            headers = {"X-Hub-Signature-256": signature(body, secret.encode())}
            async with session.post(url + PATH, data=body, headers=headers) as answer:
                return answer.status

        async def listed() -> list[str]:
            async with session.get(f"{url}/v1/numbers", headers=bearer("d")) as answer:
                return [each["id"] for each in (await answer.json())["numbers"]]

        async def has_templates() -> int:
            path = f"{url}/v1/numbers/{ADDED}/templates"
            async with session.get(path, headers=bearer("d")) as answer:
                return answer.status

        before = await listed()
        file.write_text(EXAMPLE.read_text() + NUMBER_WITH_SECRET)
        await until_true(lambda: version.status.refused)
        assert f"secrets: ADDED_SECRET: is missing (number {ADDED})" in str(version.status.refused)
        assert (await posted("added"), await listed(), await has_templates()) == (401, before, 404)
        environ["ADDED_SECRET"] = "added"
        os.kill(os.getpid(), signal.SIGHUP)
        await until_true(lambda: version.status.refused is None)
        assert (await posted("added"), await posted("other")) == (200, 401)
        assert await listed() == [*before, ADDED] and await has_templates() == 200
        assert await sent_for(session, url, ADDED) == (422, "not_on_guest_list"), (
            "it is on trial from its first message on"
        )
        assert live.prepare is not prepare, "secrets that were being read are of the former version"
    assert [ADDED in each.keys and ADDED not in each.unproven for each in taken.entries] == [True]
