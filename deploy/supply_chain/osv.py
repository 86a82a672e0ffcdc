"""OSV, the database of advisories that PyPI and GitHub publish in, asked over HTTP.

The request runs in a process of its own. A name server that does not answer blocks a thread, which
Python waits for at its end; a process can be ended.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import aiohttp

from deploy.supply_chain.advisories import Vulnerability, questions, read_answers
from deploy.supply_chain.lock import LockedPackage

ROOT = Path(__file__).parents[2]
ADDRESS = "https://api.osv.dev/v1/querybatch"
SECONDS = 5.0
"""Longest wait for all of it: `make check` must not become slow where there is no network."""
ANSWER_BYTES = 1_000_000
"""Largest answer. Without advisories, 120 packages take 500 bytes; an advisory adds 70."""


class UnreachableError(Exception):
    """OSV could not be asked, or its answer could not be read."""


async def fetch_answer(body: bytes, address: str) -> bytes:
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(trust_env=True, headers=headers) as session,
        session.post(address, data=body, allow_redirects=False) as response,
    ):
        if response.status != 200:
            raise UnreachableError(f"HTTP {response.status}")
        answer = await response.content.read(ANSWER_BYTES)
        while len(answer) < ANSWER_BYTES and (part := await response.content.read(ANSWER_BYTES)):
            answer += part
        return answer


def ask_osv(
    packages: list[LockedPackage], address: str = ADDRESS, seconds: float = SECONDS
) -> list[Vulnerability]:
    """Return what OSV knows of these versions, within `seconds`, or raise `UnreachableError`."""
    body = json.dumps(questions(packages)).encode()
    command = [sys.executable, "-m", "deploy.supply_chain.osv", address]
    try:
        result = subprocess.run(
            command, cwd=ROOT, input=body, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"no answer in {seconds:g} s") from error
    if result.returncode:
        raise UnreachableError(result.stderr.decode().strip())
    try:
        return read_answers(packages, json.loads(result.stdout))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UnreachableError("its answer could not be read") from error


def main(address: str) -> None:
    try:
        answer = asyncio.run(fetch_answer(sys.stdin.buffer.read(), address))
    except (aiohttp.ClientError, OSError, UnreachableError) as error:
        sys.exit(str(error) if isinstance(error, UnreachableError) else type(error).__name__)
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main(sys.argv[1])
