"""A client that OpenAPI Generator makes of the gateway's document."""

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parents[3] / ".local" / "generator"
PACKAGE = "openapi_generator_client"
OPTIONS = [
    *("--generator-name", "python", "--library", "httpx", "--package-name", PACKAGE),
    *("--global-property", "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"),
]

QUICK = "-XX:TieredStopAtLevel=1"
"""Java compiles its code once instead of twice, as it runs for seconds only: 2 s less."""


class OpenApiGeneratorClient:
    """The made package, and its two APIs that send."""

    def __init__(self, package: Any, client: Any) -> None:
        self.package = package
        self.messages, self.media = package.MessagesApi(client), package.MediaApi(client)

    def model(self, name: str) -> Any:
        return getattr(self.package, name)

    async def send(self, message: Any, key: str) -> Any:
        """Send a message of one of the types; return the answer as the document's model of it."""
        union = self.package.Message(message)
        return await self.messages.send_message(idempotency_key=key, message=union)


@asynccontextmanager
async def openapi_generator_client(
    url: str, token: str, folder: Path
) -> AsyncIterator[OpenApiGeneratorClient]:
    """Make the package in a folder, from the document at `url`. Modules must be imported from the
    folder, and from PROGRAMS."""
    program = PROGRAMS / "bin" / "openapi-generator-cli"
    assert program.exists(), "OpenAPI Generator is missing: deploy/setup.sh generator"
    command = [sys.executable, program, "generate", *OPTIONS]
    command += ["--input-spec", f"{url}/v1/openapi.json", "--output", folder]
    env = os.environ | {"PYTHONPATH": str(PROGRAMS), "JAVA_OPTS": QUICK}
    await asyncio.to_thread(subprocess.run, command, env=env, check=True, capture_output=True)
    package = importlib.import_module(PACKAGE)
    configuration = package.Configuration(host=f"{url}/v1", access_token=token)
    async with package.ApiClient(configuration) as client:
        yield OpenApiGeneratorClient(package, client)
