"""Alarms by mail, over a real connection to an SMTP server that answers as it is told."""

import email
import email.policy
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from uuid import UUID

import msgspec
import pytest

from deliverer.crm.response_policy import judge
from deliverer.destinations import mail as mail_format
from deliverer.transport import smtp_client
from deliverer.transport.response import Response
from deliverer.transport.smtp_client import Mailer
from services.config.organisation import MailDestination
from services.contract import Delivery
from services.event_types import CARE_CONFIRMED
from services.language.readability import readability_faults
from tests.support.integration.mail_server import Says, server
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
TRUSTED = {"EHLO": b"250-here\r\n250 STARTTLS\r\n", "STARTTLS": b"220 go on\r\n"}
AUTH = {"EHLO": b"250-here\r\n250 AUTH PLAIN\r\n"}


def mailer(url: str, login: Callable[[], bytes]) -> Mailer:
    to = ("piket@stad.example", "wacht@stad.example")
    sender = "postkamer@stad.example"
    return Mailer(MailDestination(id="piket", kind="mail", url=url, to=to, sender=sender), login)


async def posted(url: str, login: bytes = b"") -> tuple[str, bool]:
    """Outcome by the response policy, and whether it alarms."""
    verdict = judge(await answered(url, login))
    return verdict.outcome, verdict.alarm


async def answered(url: str, login: bytes = b"") -> Response:
    content = mail_format.body(DELIVERY, "")
    headers = mail_format.headers(DELIVERY, content, (), NOON)
    return await mailer(url, lambda: login).post(url, content, headers)


async def test_alarm_has_its_conversation_and_nothing_that_was_said() -> None:
    async with server() as (mailbox, url):
        assert await posted(url) == ("settled", False)
    [raw] = mailbox.taken
    taken = email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)
    assert taken["Message-ID"] == f"<{UUID(int=7)}@postkamer>"
    assert taken["To"].count("@") == 2
    words = taken.get_content()
    assert "106540352242922-abc" in words and "melding 2" in words
    assert "suicide" not in words and "zelf" not in words


async def test_exchanged_password_is_used_for_the_next_mail() -> None:
    logins = [b"piket:before"]
    content, headers = mail_format.body(DELIVERY, ""), {"Subject": "alarm"}
    async with server(**AUTH, AUTH=b"235 yes\r\n") as (mailbox, url):
        sender = mailer(url, lambda: logins[-1])
        for login in (b"piket:before", b"piket:afterwards"):
            logins.append(login)
            assert (await sender.post(url, content, headers)).status == smtp_client.ACCEPTED
    assert mailbox.logins == [b"piket\0before", b"piket\0afterwards"]


def test_mail_about_a_confirmation_calls_nobody() -> None:
    data = b'{"conversationId":"106540352242922-abc","by":{"author":{"id":"sanne"}}}'
    confirmed = msgspec.structs.replace(DELIVERY, type=CARE_CONFIRMED, data=data)
    words = mail_format.body(confirmed, "").decode()
    headers = mail_format.headers(confirmed, b"", (), NOON)
    assert headers["Subject"].startswith("Bevestigd:") and "X-Priority" not in headers
    assert "106540352242922-abc" in words and "niets meer" in words and "sanne" not in words
    assert list(readability_faults(words)) == []


@pytest.mark.parametrize(
    ("says", "outcome", "alarm"),
    [
        ({"MAIL": b"451 later\r\n"}, "paused", False),
        ({"RCPT": b"450 busy\r\n"}, "paused", False),
        ({"RCPT": b"550 nobody\r\n"}, "parked", False),
        ({"DATA": b"554 no\r\n"}, "parked", False),
        ({"END": b"452 full\r\n"}, "paused", False),
        (AUTH | {"AUTH": b"535 no\r\n"}, "paused", True),
        ({"RCPT": [b"550 nobody\r\n", b"250 yes\r\n"]}, "settled", False),
        ({"RCPT": [b"550 nobody\r\n", b"450 busy\r\n"]}, "paused", False),
    ],
)
async def test_answer_of_the_mail_server_decides_the_outcome(
    says: dict[str, Says], outcome: str, alarm: bool
) -> None:
    async with server(**says) as (mailbox, url):
        login = b"piket:geheim" if "AUTH" in says else b""
        assert await posted(url, login) == (outcome, alarm)
    assert len(mailbox.taken) == (outcome == "settled" or "END" in says)


async def test_absent_mail_server_pauses_and_an_unknown_name_alarms() -> None:
    async with server() as (_, url):
        pass
    for to, failure, alarm in ((url, "refused", False), ("smtp://nowhere.invalid", "name", True)):
        answer = await answered(to)
        assert (answer.failure, answer.request_sent) == (failure, False)
        verdict = judge(answer)
        assert (verdict.outcome, verdict.alarm) == ("paused", alarm)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "ca")


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return authority.shown_by(authority.issued("server"), asks=False)


@pytest.mark.parametrize("from_the_first_byte", [True, False])
async def test_mail_server_without_a_trusted_certificate_gets_no_mail(
    from_the_first_byte: bool, tls: ssl.SSLContext
) -> None:
    async with server(tls, from_the_first_byte, **TRUSTED) as (mailbox, url):
        answer = await answered(url, b"piket:geheim")
    assert answer.failure == "tls" and judge(answer).alarm
    assert not mailbox.taken and "AUTH" not in mailbox.commands


@pytest.mark.parametrize("from_the_first_byte", [True, False])
@pytest.mark.parametrize(("host", "is_named"), [("127.0.0.1", True), ("127.0.0.2", False)])
async def test_trusted_mail_server_gets_mail_only_under_its_own_name(
    from_the_first_byte: bool,
    host: str,
    is_named: bool,
    authority: Authority,
    tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    says = {} if from_the_first_byte else TRUSTED
    async with server(tls, from_the_first_byte, host, **says) as (mailbox, url):
        answer = await answered(url)
    assert answer.failure == ("" if is_named else "tls")
    assert len(mailbox.taken) == is_named


async def test_login_comes_before_the_mail_where_the_server_asks_for_it() -> None:
    async with server(**AUTH, AUTH=b"235 welcome\r\n") as (mailbox, url):
        assert await posted(url, b"piket:geheim") == ("settled", False)
    assert mailbox.commands.index("AUTH") < mailbox.commands.index("MAIL")


async def test_silent_mail_server_is_given_up_within_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp_client, "STEP_SECONDS", 0.2)
    async with server(MAIL=b"") as (_, url):
        assert (await answered(url)).failure == "timeout"


async def test_unanswered_quit_does_not_undo_a_delivery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp_client, "MAIL_SECONDS", 0.5)
    async with server(QUIT=b"") as (mailbox, url):
        assert await posted(url) == ("settled", False)
    assert len(mailbox.taken) == 1
