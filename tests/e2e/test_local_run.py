"""`make run` as its user has it: a service that is killed comes back, a faulty rule is shown."""

import asyncio
import json
import os
import shlex
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from click.testing import CliRunner
from playwright.async_api import expect

from cli.main import main
from cli.status import problems
from deploy.local import plan
from deploy.local.state import free_port
from tests.support.browser.page import IN_CHROMIUM, chromium
from tests.support.installation import EXAMPLE
from tests.support.local.run import Run
from tests.support.observer import until

pytestmark = IN_CHROMIUM
CITIZEN = {"from": "31600000011", "name": "Fatima", "number": "106540352242922"}
SECONDS = 30


class LocalRun:
    """A `make run` with a configuration of its own, on free ports."""

    def __init__(self, folder: Path) -> None:
        ports = {port.variable: str(free_port()) for port in plan.PORTS}
        self.sandbox = f"http://127.0.0.1:{ports[plan.SANDBOX.variable]}"
        self.folder, self.config = folder, folder / "town" / "postkamer.toml"
        self.config.parent.mkdir()
        self.right = plan.example_for(
            EXAMPLE.read_text(), ports[plan.SANDBOX.variable], ports[plan.DESK.variable]
        )
        self.configure(self.right)
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        environment = kept | ports | {"POSTKAMER_CONFIG": str(self.config)}
        self._run = Run(folder, environment, "-m", "cli.main")

    def configure(self, text: str) -> None:
        """Change the configuration at once: no service reads the half of it."""
        new = self.config.with_suffix(".new")
        new.write_text(text)
        new.replace(self.config)

    async def until(self, words: str) -> None:
        """Wait until it prints a line that begins with these words."""
        await asyncio.to_thread(self._run.until, words)

    def kill(self, service: str) -> None:
        pid_file = self.folder / ".local" / "log" / f"{service}.pid"
        os.kill(int(pid_file.read_text().partition(" ")[0]), signal.SIGKILL)

    async def command(self, *arguments: str) -> tuple[int, Any]:
        """Exit code and result of a command with the settings that the run wrote."""
        lines = shlex.split((self.folder / ".local" / "environment").read_text(), comments=True)
        env = dict(line.split("=", 1) for line in lines)
        run = CliRunner().invoke
        done = await asyncio.to_thread(run, main, [*arguments, "--json"], env=env)
        return done.exit_code, json.loads(done.stdout)

    async def write(self, text: str) -> None:
        """Write as a citizen, and wait until the CRM has it."""
        async with aiohttp.ClientSession(self.sandbox) as session:
            async with session.post("/phone/messages", json=CITIZEN | {"text": text}) as answer:
                assert answer.ok

            async def received() -> str:
                async with session.get("/crm/received") as events:
                    return await events.text()

            await until(received, lambda events: f'"{text}"' in events, SECONDS)

    def end(self) -> None:
        self._run.process.terminate()
        assert self._run.ends() == 0


@pytest_asyncio.fixture(loop_scope="module")
async def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalRun]:
    # The disk of the machine may be full: that is no problem of this town.
    monkeypatch.setattr(problems, "LEAST_FREE", 0.0)
    monkeypatch.setattr(problems, "ROOM_OF_LIMITS", 0)
    run = LocalRun(tmp_path)
    await run.until("Stop ")
    yield run
    await asyncio.to_thread(run.end)


async def test_faulty_rule_is_shown_and_a_killed_service_comes_back_once_it_is_mended(
    run: LocalRun,
) -> None:
    code, numbers = await run.command("number", "list")
    assert (code, [number["id"] for number in numbers]) == (0, [CITIZEN["number"]])
    assert (await run.command("status"))[1]["problems"] == [], "also before the first message"

    run.configure(run.right.replace("department = ", "departement = ", 1))
    await run.until("A change of the rules is NOT in force:")
    code, status = await run.command("status")
    problem = status["problems"][0]["text"]
    assert (code, len(status["problems"]), status["problems"][0]["about"]) == (1, 1, "rules")
    assert problem.startswith("A change of the rules is not in force: ")
    assert "postkamer.toml:" in problem
    assert problem.endswith("did you mean 'department'?")

    run.kill("router")
    await run.until("router ended by itself (killed by SIGKILL); it is started again in 1 s")
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(run.sandbox)
        bar = page.get_by_role("region", name="Regels en teksten")
        await expect(bar).to_contain_text(problem.partition("town/")[2])
        await run.until("router cannot start: ")
        shown = (await run.command("status"))[1]["problems"]
        assert problem in {each["text"] for each in shown}
        run.configure(run.right)
        await run.write("Mijn container is vol")
        await run.until("The rules are in order again: version ")
        await expect(bar).to_be_hidden()
    assert (await run.command("status"))[0] == 0
