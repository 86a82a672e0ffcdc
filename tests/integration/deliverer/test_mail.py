"""Alarms by mail: over a real connection, to a server that speaks SMTP and says what it is told."""

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest

from deliverer.crm.response_policy import judge
from deliverer.destinations import mail as mail_format
from deliverer.transport import smtp_client
from deliverer.transport.response import Response
from deliverer.transport.smtp_client import Mailer
from services.config.organisation import MailDestination
from services.contract import Delivery
from tests.support.test_ca import Authority

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DELIVERY = Delivery(
    id=UUID(int=7),
    type="nl.postkamer.care-alarm.v1",
    tenant="voorbeeldstad",
    conversation="106540352242922-abc",
    department="zorg-en-jeugd",
    sequence=4,
    time=NOON,
    received_at=NOON,
    data=b'{"conversationId":"106540352242922-abc","care":"suicide","nth":2}',
)


Says = bytes | list[bytes]


class Server:
    """Takes mail line by line; `says` is what it answers to a command instead of yes, each time or
    one after the other; b"" is silence."""

    def __init__(self, says: Mapping[str, Says], tls: ssl.SSLContext | None = None) -> None:
        self.says = {
            name: [said] if isinstance(said, bytes) else said for name, said in says.items()
        }
        self.tls = tls
        self.taken: list[bytes] = []
        self.commands: list[str] = []
        self.talks: list[asyncio.Task[None]] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.talks.append(task)
        try:
            with suppress(ConnectionError, ssl.SSLError):
                await self._talk(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            command = line.split()[0].decode().upper()
            self.commands.append(command)
            if command == "DATA" and command not in self.says:
                writer.write(b"354 go on\r\n")
                self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
                command = "END"
            writer.write(self._answer(command))
            await writer.drain()
            if command == "STARTTLS":
                assert self.tls
                await writer.start_tls(self.tls)
            if command == "QUIT" and command not in self.says:
                break

    def _answer(self, command: str) -> bytes:
        said = self.says.get(command)
        if said is None:
            return b"221 bye\r\n" if command == "QUIT" else b"250 yes\r\n"
        return said.pop(0) if len(said) > 1 else said[0]


@asynccontextmanager
async def server(
    tls: ssl.SSLContext | None = None,
    from_the_first_byte: bool = False,
    host: str = "127.0.0.1",
    **says: Says,
) -> AsyncIterator[tuple[Server, str]]:
    mailbox = Server(says, tls)
    shown = tls if from_the_first_byte else None
    listening = await asyncio.start_server(mailbox.talk, host, 0, ssl=shown)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield mailbox, f"smtp{'s' if shown else ''}://{host}:{port}"
        await asyncio.gather(*mailbox.talks)


async def posted(url: str, login: bytes = b"") -> tuple[str, bool]:
    """What the policy makes of it: outcome, and whether somebody must look."""
    verdict = judge(await answered(url, login))
    return verdict.outcome, verdict.alarm


async def answered(url: str, login: bytes = b"") -> Response:
    to = ("piket@voorbeeldstad.example", "wacht@voorbeeldstad.example")
    destination = MailDestination(
        id="piket", kind="mail", url=url, to=to, sender="postkamer@voorbeeldstad.example"
    )
    content = mail_format.body(DELIVERY, "")
    headers = mail_format.headers(DELIVERY, content, (), NOON)
    return await Mailer(destination, login).post(url, content, headers)


async def test_an_alarm_arrives_with_its_conversation_and_without_a_word_of_it() -> None:
    async with server() as (mailbox, url):
        assert await posted(url) == ("settled", False)
    [raw] = mailbox.taken
    taken = email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)
    assert taken["Message-ID"] == f"<{UUID(int=7)}@postkamer>"
    assert taken["To"].count("@") == 2
    words = taken.get_content()
    assert "106540352242922-abc" in words and "melding 2" in words
    assert "suicide" not in words and "zelf" not in words


@pytest.mark.parametrize(
    ("says", "outcome", "alarm"),
    [
        ({"MAIL": b"451 later\r\n"}, "paused", False),
        ({"RCPT": b"450 busy\r\n"}, "paused", False),
        ({"RCPT": b"550 nobody\r\n"}, "parked", False),
        ({"DATA": b"554 no\r\n"}, "parked", False),
        ({"END": b"452 full\r\n"}, "paused", False),
        ({"EHLO": b"250-here\r\n250 AUTH PLAIN\r\n", "AUTH": b"535 no\r\n"}, "paused", True),
    ],
)
async def test_what_a_server_answers_decides_whether_it_is_tried_again(
    says: dict[str, bytes], outcome: str, alarm: bool
) -> None:
    async with server(**says) as (_, url):
        login = b"piket:geheim" if "AUTH" in says else b""
        assert await posted(url, login) == (outcome, alarm)


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    async with server() as (_, url):
        pass
    answer = await answered(url)
    assert (answer.failure, answer.request_sent) == ("refused", False)
    assert judge(answer).outcome == "paused" and not judge(answer).alarm


async def test_server_whose_name_leads_nowhere_is_an_alarm() -> None:
    answer = await answered("smtp://nowhere.invalid")
    assert (answer.failure, answer.request_sent) == ("name", False)
    assert judge(answer).alarm


@pytest.mark.parametrize("from_the_first_byte", [True, False])
async def test_server_without_a_certificate_that_we_trust_gets_no_mail(
    from_the_first_byte: bool, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "ca")
    tls = authority.shown_by(authority.issued("server"), asks=False)
    says = {"EHLO": b"250-here\r\n250 STARTTLS\r\n", "STARTTLS": b"220 go on\r\n"}
    async with server(tls, from_the_first_byte, **says) as (mailbox, url):
        answer = await answered(url, b"piket:geheim")
    assert answer.failure == "tls" and judge(answer).alarm
    assert not mailbox.taken and "AUTH" not in mailbox.commands


@pytest.mark.parametrize("from_the_first_byte", [True, False])
@pytest.mark.parametrize(("host", "is_named"), [("127.0.0.1", True), ("127.0.0.2", False)])
async def test_server_that_the_system_trusts_gets_the_mail_under_its_own_name_alone(
    from_the_first_byte: bool,
    host: str,
    is_named: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = Authority(tmp_path, "ca")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    tls = authority.shown_by(authority.issued("server"), asks=False)
    says = {"EHLO": b"250-here\r\n250 STARTTLS\r\n", "STARTTLS": b"220 go on\r\n"}
    said = {} if from_the_first_byte else says
    async with server(tls, from_the_first_byte, host, **said) as (mailbox, url):
        answer = await answered(url)
    assert answer.failure == ("" if is_named else "tls")
    assert len(mailbox.taken) == is_named


async def test_name_and_password_are_shown_to_a_server_that_asks_for_them() -> None:
    says = {"EHLO": b"250-here\r\n250 AUTH PLAIN\r\n", "AUTH": b"235 welcome\r\n"}
    async with server(**says) as (mailbox, url):
        assert await posted(url, b"piket:geheim") == ("settled", False)
    assert mailbox.commands.index("AUTH") < mailbox.commands.index("MAIL")


async def test_mail_is_sent_when_one_of_its_recipients_is_taken() -> None:
    async with server(RCPT=[b"550 nobody\r\n", b"250 yes\r\n"]) as (mailbox, url):
        assert await posted(url) == ("settled", False)
    assert len(mailbox.taken) == 1


async def test_mail_that_all_refuse_is_tried_again_for_the_mildest_answer() -> None:
    async with server(RCPT=[b"550 nobody\r\n", b"450 busy\r\n"]) as (_, url):
        assert await posted(url) == ("paused", False)


async def test_silent_server_is_given_up_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_client, "STEP_SECONDS", 0.2)
    async with server(MAIL=b"") as (_, url):
        assert (await answered(url)).failure == "timeout"


async def test_goodbye_that_is_not_answered_takes_nothing_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp_client, "MAIL_SECONDS", 0.5)
    async with server(QUIT=b"") as (mailbox, url):
        assert await posted(url) == ("settled", False)
    assert len(mailbox.taken) == 1
