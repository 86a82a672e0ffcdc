"""The sandbox's Objecten API: its departments, and the logbooks of its ITA."""

from typing import Any

import aiohttp

from sandbox.ita.objects import BASE
from sandbox.service import run_sandbox
from sandbox.settings import SandboxSettings

SETTINGS = SandboxSettings(port=0, seed=1)
UNIT = {
    "identificatie": "parkeren",
    "naam": "Parkeren",
    "email": "afd.parkeren@ita.example",
}


async def test_departments_are_found_by_their_identification_with_the_token() -> None:
    async with run_sandbox(SETTINGS) as sandbox, aiohttp.ClientSession() as http:

        async def ask(condition: str, token: str = SETTINGS.openklant_token) -> Any:
            request = http.get(
                f"{sandbox.url}{BASE}/objects",
                params={"data_attr": condition},
                headers={"Authorization": f"Token {token}"},
            )
            async with request as answer:
                return (await answer.json())["results"] if answer.ok else answer.status

        assert await ask("identificatie__exact__parkeren") == [{"record": {"data": UNIT}}]
        assert await ask("heeftBetrekkingOp__objectId__exact__parkeren") == []
        assert await ask("identificatie__exact__parkeren", "x") == 401
        assert await ask("identificatie__icontains__park") == 400
        assert await ask("identificatie") == 400
