"""A whole installation whose CRM asks for a client certificate and for a token."""

import asyncio
import json
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.support.citizens import write
from tests.support.installation import Installation
from tests.support.integration.destination_harness import Crm, serving
from tests.support.observer import until
from tests.support.test_ca import Authority

SECRET, TOKEN = "geheim-van-de-client", "token-of-the-crm"
OWN = """secret = "env:CRM_SECRET"
client_certificate = "tls/ours.pem"
client_key = "env:CRM_KEY"
certificate_authorities = "tls/ca.pem"
[destinations.oauth]
token_url = "{url}token"
client_id = "postkamer"
client_secret = "env:CRM_OAUTH"
client_auth = "post"
scope = "events:write"
"""
CITIZENS, EACH = 5, 4
ENDS = 'postkamer_destination_certificate_not_after_seconds{destination="crm"} '


async def tokens(request: web.Request) -> web.Response:
    form = await request.post()
    wanted = ("postkamer", SECRET, "events:write")
    if (form["client_id"], form["client_secret"], form["scope"]) != wanted:
        return web.json_response({"error": "invalid_client"}, status=400)
    return web.json_response({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 60})


def town_with(folder: Path, authority: Authority, url: str, token_url: str) -> Installation:
    """Its files stand beside its configuration, its secrets in the environment."""

    def change(text: str) -> str:
        text = text.replace('secret = "env:CRM_SECRET"\n', OWN.format(url=token_url), 1)
        at = text.index('url = "', text.index("[[destinations]]"))
        return text[:at] + f'url = "{url}events"' + text[text.index("\n", at) :]

    authority.issued("ours", days=3)
    town = Installation(folder, change)
    town.more = {"CRM_OAUTH": SECRET, "CRM_KEY_FILE": str(folder / "tls" / "ours.key")}
    return town


async def test_everything_comes_with_certificate_and_token_and_neither_is_in_a_log(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    folder = tmp_path / "town"
    authority = Authority(folder / "tls", "ca")
    tls = authority.shown_by(authority.issued("server"), asks=True)
    crm = Crm(lambda request: request.headers.get("Authorization") == f"Bearer {TOKEN}")
    async with serving(tokens, tls) as token_url, serving(crm.handle, tls) as url:
        town = town_with(folder, authority, url, token_url)
        try:
            await asyncio.to_thread(town.start)

            async def one(citizen: int) -> None:
                async for _ in write(session, town.gateway, citizen, EACH, "mtls"):
                    pass

            await asyncio.gather(*(one(citizen) for citizen in range(CITIZENS)))

            async def taken() -> int:
                return len(crm.taken)

            await until(taken, lambda count: count >= CITIZENS * EACH, 30)
            async with session.get(f"{town.operations('deliverer')}/metrics") as answer:
                lines = (await answer.text()).splitlines()
        finally:
            await asyncio.to_thread(town.stop)
    assert any(line.startswith(ENDS) and float(line.split()[-1]) > 1e9 for line in lines)
    assert not crm.refused
    logs = town.logs()
    assert SECRET not in logs and TOKEN not in logs
    ends = [json.loads(line) for line in logs.splitlines() if '"certificate.ends"' in line]
    assert [(line["destination"], line["level"]) for line in ends] == [("crm", "warning")]
