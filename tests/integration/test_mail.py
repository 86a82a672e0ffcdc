"""Alarms by mail: over a real connection, to a server that speaks SMTP and says what it is told."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from uuid import UUID

import pytest

from deliverer.crm.response_policy import judge
from deliverer.transport.smtp_client import mailing
from services.config.organisation import Destination
from services.contract import Delivery

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


class Server:
    """Takes mail line by line; `says` is what it answers to a command instead of yes."""

    def __init__(self, says: dict[str, bytes]) -> None:
        self.says = says
        self.taken: list[bytes] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            command = line.split()[0].decode().upper()
            if command == "DATA" and command not in self.says:
                writer.write(b"354 go on\r\n")
                self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
                command = "END"
            usual = b"221 bye\r\n" if command == "QUIT" else b"250 yes\r\n"
            writer.write(self.says.get(command, usual))
            await writer.drain()
            if command == "QUIT":
                break
        writer.close()


@asynccontextmanager
async def server(**says: bytes) -> AsyncIterator[tuple[Server, str]]:
    mailbox = Server(says)
    listening = await asyncio.start_server(mailbox.talk, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield mailbox, f"smtp://127.0.0.1:{port}"


async def posted(url: str, login: bytes = b"") -> tuple[str, bool]:
    """What the policy makes of it: outcome, and whether somebody must look."""
    to = ("piket@voorbeeldstad.example", "wacht@voorbeeldstad.example")
    destination = Destination(
        id="piket", kind="mail", url=url, to=to, sender="postkamer@voorbeeldstad.example"
    )
    content = mail.body(DELIVERY, "")
    async with mailing(destination, login) as mailer:
        answer = await mailer.post(url, content, mail.headers(DELIVERY, content, (), NOON))
    verdict = judge(answer)
    return verdict.outcome, verdict.alarm


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
    assert await posted(url) == ("paused", False)
