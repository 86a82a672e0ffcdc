"""The notice of a unit that failed, as systemd starts it: to a real web server and mail server."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web

from services.http.server import serve
from tests.support.integration.mail_server import server

SCRIPT = Path(__file__).parents[3] / "deploy" / "one_machine" / "tell_failure.sh"
UNIT = "postkamer-verify"
PERSON = "beheer@almelo.example"
WRONG, NOBODY_TOLD = 78, 1


async def tell(settings: Mapping[str, str]) -> tuple[int, str]:
    """Run it with these settings; return its exit code and what it says."""
    environ = {"PATH": os.environ["PATH"], "MONITOR_SERVICE_RESULT": "exit-code"} | settings
    script = await asyncio.create_subprocess_exec(
        "sh", SCRIPT, UNIT, env=environ, stderr=asyncio.subprocess.PIPE
    )
    _, said = await script.communicate()
    assert script.returncode is not None
    return script.returncode, said.decode()


class Door:
    """Takes notices, once it is told to."""

    def __init__(self) -> None:
        self.status = 204
        self.taken: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append(await request.text())
        return web.Response(status=self.status)


def line() -> str:
    why = f"journalctl -u {UNIT} -n 50 says why."
    return f"{os.uname().nodename}: {UNIT} has failed (exit-code). {why}"


async def test_person_is_told_by_a_request_and_by_mail() -> None:
    door, app = Door(), web.Application()
    app.router.add_post("/secret-word", door.take)
    async with serve(app, "127.0.0.1", 0) as port, server() as (mailbox, mail_server):
        url = {"FAILURE_URL": f"http://127.0.0.1:{port}/secret-word"}
        mail = {"FAILURE_MAIL": PERSON, "FAILURE_MAIL_SERVER": mail_server}
        assert await tell(url) == (0, "")
        assert (door.taken, mailbox.taken) == ([f"{line()}\n"], [])
        assert await tell(url | mail) == (0, "")
        [taken] = [each.decode() for each in mailbox.taken]
        assert f"Subject: {UNIT} has failed on" in taken and line() in taken
        assert f"To: <{PERSON}>" in taken and len(door.taken) == 2
        # One of both is enough; none is tried again by systemd.
        door.status = 500
        code, said = await tell(url | mail)
        assert (code, len(mailbox.taken)) == (0, 2) and "500" in said
        code, said = await tell(url)
        assert code == NOBODY_TOLD and "secret-word" not in said


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({}, "Nobody is told of postkamer-verify"),
        ({"FAILURE_URL": "http://pager.example/x"}, "FAILURE_URL begins with"),
        ({"FAILURE_URL": "http://127.0.0.1.example/x"}, "FAILURE_URL begins with"),
        ({"FAILURE_URL": 'https://pager.example/"\nproxy'}, "A value has"),
        ({"FAILURE_MAIL": PERSON, "FAILURE_MAIL_SERVER": "mail.example"}, "FAILURE_MAIL_SERVER"),
    ],
)
async def test_settings_by_which_nobody_is_told_safely_are_refused(
    settings: dict[str, str], fault: str
) -> None:
    code, said = await tell(settings)
    assert (code, said.startswith(fault)) == (WRONG, True), said


async def test_mail_server_of_another_machine_has_to_speak_tls(tmp_path: Path) -> None:
    """Its name leads here for curl alone; it offers no STARTTLS, and gets no mail."""
    curl = tmp_path / "curl"
    async with server() as (mailbox, url):
        port = url.rpartition(":")[2]
        leads = f"--connect-to mail.example:{port}:127.0.0.1:{port}"
        curl.write_text(f'#!/bin/sh\nexec {shutil.which("curl")} {leads} "$@"\n')
        curl.chmod(0o755)
        code, said = await tell(
            {
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "FAILURE_MAIL": PERSON,
                "FAILURE_MAIL_SERVER": f"smtp://mail.example:{port}",
            }
        )
    assert code == NOBODY_TOLD and "STARTTLS" in said
    assert mailbox.taken == [] and "EHLO" in mailbox.commands
