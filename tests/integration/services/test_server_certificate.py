"""The certificate that a door shows to the world: over real TLS, from a CA of the test."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from services import clock
from services.egress import server_certificate
from services.egress.server_certificate import fetch_certificate
from services.servers.certificate_watch import SSL_REQUEST
from tests.support.test_ca import Authority, Issued


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "ca")


@asynccontextmanager
async def door(authority: Authority, issued: Issued) -> AsyncIterator[int]:
    """A port that shows this certificate."""

    def ignore(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    context = authority.shown_by(issued, asks=False)
    server = await asyncio.start_server(ignore, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_certificate_of_a_door_has_its_end_or_a_failure(
    authority: Authority, tmp_path: Path
) -> None:
    trusts = ssl.create_default_context(cafile=str(authority.certificate))
    async with door(authority, authority.issued("good", days=10)) as port:
        found = await fetch_certificate("127.0.0.1", port, trusts)
        assert (found.failure, bool(found.not_before)) == ("", True)
        assert found.not_after and abs(found.not_after - clock.now() - timedelta(days=10)) < (
            timedelta(minutes=5)
        )
        assert (await fetch_certificate("localhost.localdomain", port, trusts)).failure in (
            "host",
            "name",
        )
        # The system's authorities do not know the test's.
        assert (await fetch_certificate("127.0.0.1", port)).failure == "chain"
    async with door(authority, Issued(authority.certificate, authority.key)) as port:
        assert (await fetch_certificate("127.0.0.1", port)).failure == "self_signed"
    async with door(authority, authority.issued("old", days=0)) as port:
        assert (await fetch_certificate("127.0.0.1", port, trusts)).failure == "expired"


@pytest.mark.parametrize(
    ("version", "failure"), [(ssl.TLSVersion.TLSv1_3, ""), (ssl.TLSVersion.TLSv1_2, "alert")]
)
async def test_door_that_wants_the_certificate_of_meta_is_not_wrong(
    authority: Authority, version: ssl.TLSVersion, failure: str
) -> None:
    context = authority.shown_by(authority.issued("asks"), asks=True)
    context.maximum_version = version

    def refuse() -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):  # asyncio's server would end without the alert
            context.wrap_socket(connection, server_side=True).close()

    trusts = ssl.create_default_context(cafile=str(authority.certificate))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        refused = asyncio.create_task(asyncio.to_thread(refuse))
        found = await fetch_certificate("127.0.0.1", listening.getsockname()[1], trusts)
        await refused
    assert found.failure == failure


async def test_door_that_is_none_has_a_failure_within_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_certificate, "HANDSHAKE_SECONDS", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        assert (await fetch_certificate("127.0.0.1", port)).failure == "refused"
        silent.listen()
        assert (await fetch_certificate("127.0.0.1", port)).failure == "timeout"
    assert (await fetch_certificate("no-such-host.invalid", 443)).failure == "name"
    assert (await fetch_certificate("a" * 300, 443)).failure in ("name", "refused")

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"N")
        writer.close()

    def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # until the other side gives up
            await reader.read()
        writer.close()

    answers = (refuse, "tls"), (end, "refused"), (hang, "timeout")
    for answer, failure in answers:  # to a protocol that asks for TLS first, as PostgreSQL's does
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as asked:
            port = asked.sockets[0].getsockname()[1]
            shown = await fetch_certificate("127.0.0.1", port, request=SSL_REQUEST)
            assert shown.failure == failure

    def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.almelo.example\r\n")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as plain:
        port = plain.sockets[0].getsockname()[1]
        assert (await fetch_certificate("127.0.0.1", port)).failure == "tls"
