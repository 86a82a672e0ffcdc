"""Clients that openapi-python-client makes of the documents that the services give."""

import asyncio
import importlib
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

CONFIG = "post_hooks: []\n"
"""No tidying of the made code, which takes longer than making it."""


class GeneratedClient:
    """A made package, and the client in it."""

    def __init__(self, package: str, client: Any) -> None:
        self._package, self._client = package, client

    def module(self, path: str) -> ModuleType:
        return importlib.import_module(f"{self._package}.{path}")

    def model(self, name: str) -> Any:
        return getattr(self.module("models"), name)

    async def call(self, tag: str, operation: str, *path: Any, **arguments: Any) -> Any:
        """Return the answer to a call, as the document's model of it."""
        ask = self.module(f"api.{tag}.{operation}").asyncio_detailed
        return (await ask(*path, client=self._client, **arguments)).parsed


@asynccontextmanager
async def generated_client(
    package: str, url: str, token: str, folder: Path
) -> AsyncIterator[GeneratedClient]:
    """Make the package from the document at `url`, in a folder from which modules are imported."""
    config, program = folder / "config.yaml", Path(sys.executable).parent / "openapi-python-client"
    config.write_text(CONFIG)
    options = ["--meta", "none", "--config", config, "--output-path", folder / package]
    command = [program, "generate", "--url", f"{url}/v1/openapi.json", *options]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    made = importlib.import_module(f"{package}.client").AuthenticatedClient
    client = made(base_url=f"{url}/v1", token=token, raise_on_unexpected_status=True)
    async with client:
        yield GeneratedClient(package, client)
