"""Certificates that CRMs ask for and that they show: over real TLS, from a CA of the test."""

import asyncio
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from deliverer.crm.response_policy import judge
from deliverer.transport.client_certificates import Certificates, load
from deliverer.transport.http_client import http_client
from deliverer.transport.response import Response
from deploy.local.rabbitmq import Broker
from services.postgres.database import Pool
from services.tasks import background_task
from tests.support.integration.destination_harness import HERE, Crm, Post, serving
from tests.support.observer import until_true
from tests.support.test_ca import Authority, Issued

SIGNED = {"webhook-signature": "v1,x"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls", "ca")


@pytest.fixture
def other(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "other", "other")


class Files:
    """The files of a destination, and what is put in them."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.paths = {
            "client_certificate": folder / "crm.pem",
            "client_key": folder / "crm.key",
            "certificate_authorities": authority.certificate,
        }

    def hold(self, issued: Issued) -> Certificates:
        self.paths["client_certificate"].write_bytes(issued.certificate.read_bytes())
        self.paths["client_key"].write_bytes(issued.key.read_bytes())
        return Certificates("crm", self.paths, load(self.paths))


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> Files:
    return Files(tmp_path, authority)


class StrictServer(http.server.ThreadingHTTPServer):
    """Refuses a client during the handshake, as servers do and asyncio's does not."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), StrictHandler)
        self.tls, self.turned_away, self.taken = tls, 0, 0

    def finish_request(self, request: Any, client_address: Any) -> None:
        later = {"server_side": True, "do_handshake_on_connect": False}
        with self.tls.wrap_socket(request, **later) as wrapped:
            try:
                wrapped.do_handshake()
            except ssl.SSLError:
                self.turned_away += 1
                # What came after it is read to its end: a reset would take our word away again.
                socket.socket.shutdown(wrapped, socket.SHUT_WR)
                while socket.socket.recv(wrapped, 65536):
                    pass
                return
            super().finish_request(wrapped, client_address)

    def handle_error(self, *_: Any) -> None:
        """Clients that leave halfway are no news."""


class StrictHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StrictServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def strict(authority: Authority) -> Iterator[tuple[StrictServer, str]]:
    server = StrictServer(authority.shown_by(authority.issued("server"), asks=True))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server, f"https://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_wrong_certificate_pauses_until_the_right_one_is_in_the_file(
    broker: Broker, pool: Pool, authority: Authority, other: Authority, files: Files
) -> None:
    place, shown = Post(broker, pool), files.hold(other.issued("ours"))
    with capture_logs() as logs, strict(authority) as (server, url):
        given = {"url": url, "client_certificate": "crm.pem"}
        async with place.works(given, certificates=shown):
            await place.receives(100)
            await until_true(lambda: server.turned_away > 4, 30)
            assert (await place.states(), server.taken) == ({}, 0)
            files.hold(authority.issued("ours"))
            await shown.reload_if_changed()
            await place.until_states(settled=100)
    assert server.taken == 100
    paused = [entry for entry in logs if entry["event"] == "destination.paused"]
    reason = "the destination gave no answer: tls"
    assert ("error", reason) in {(entry["log_level"], entry["reason"]) for entry in paused}


async def posted(url: str, tls: Any) -> Response:
    async with http_client(1, networks=HERE, tls=tls) as sender:
        return await sender.post(url, b'{"id": "a"}', SIGNED)


async def test_missing_and_foreign_client_certificates_alarm_and_nothing_is_taken(
    authority: Authority, other: Authority, files: Files
) -> None:
    none = load({"certificate_authorities": authority.certificate})
    with strict(authority) as (server, url):
        for context in (none.context, files.hold(other.issued("ours")).context()):
            answer = await posted(url, lambda context=context: context)
            assert (answer.failure, answer.status) == ("tls", 0)
            verdict = judge(answer)
            found = verdict.outcome, verdict.alarm, verdict.may_be_message
            assert found == ("paused", True, False)
        assert server.taken == 0
        assert (await posted(url, files.hold(authority.issued("ours")).context)).status == 204


async def test_crm_with_an_unknown_certificate_or_another_name_gets_nothing(
    authority: Authority, other: Authority
) -> None:
    crm = Crm()
    tls = authority.shown_by(authority.issued("server"), asks=False)
    async with serving(crm.handle, tls) as url:
        for known in ({}, {"certificate_authorities": other.certificate}):
            context = load(known).context
            answer = await posted(url, lambda context=context: context)
            assert (answer.failure, answer.request_sent) == ("tls", False)
            assert judge(answer).alarm
        assert not crm.taken
        context = load({"certificate_authorities": authority.certificate}).context
        assert (await posted(url, lambda: context)).status == 204
        elsewhere = url.replace("127.0.0.1", "127.0.0.2")
        assert (await posted(elsewhere, lambda: context)).failure in ("tls", "refused")


async def test_renewed_client_certificate_is_shown_without_a_restart(
    authority: Authority, files: Files
) -> None:
    crm, second = Crm(), authority.issued("second")
    tls = authority.shown_by(authority.issued("server"), asks=True)
    certificates = files.hold(authority.issued("first"))
    before = certificates.context()
    async with (
        serving(crm.handle, tls) as url,
        background_task(certificates.watch(0.01)) as watch,
        http_client(4, networks=HERE, tls=certificates.context) as sender,
    ):

        async def post() -> None:
            answers = (sender.post(url, b'{"id": "a"}', SIGNED) for _ in range(8))
            assert {answer.status for answer in await asyncio.gather(*answers)} == {204}

        await post()
        files.hold(second)
        await until_true(lambda: certificates.context() is not before)
        await post()
        assert not watch.done()
    first_serials, second_serials = crm.serials[:8], crm.serials[8:]
    assert [len(first_serials), len(second_serials)] == [8, 8]
    assert len({*first_serials}) == len({*second_serials}) == 1
    assert first_serials[0] != second_serials[0]
