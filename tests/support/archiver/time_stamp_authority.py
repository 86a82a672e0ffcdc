"""A real authority of time stamps: `openssl ts` behind a small HTTP server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.support.test_ca import openssl

CONFIGURATION = """
[stamps]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""
STAMPS = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class TimeStampAuthority:
    """Stamps by its own clock with a certificate of its own root, `roots`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.roots = folder, folder / "root.pem"
        folder.mkdir(parents=True)
        root_key, asked, made = folder / "root.key", folder / "tsa.csr", folder / "tsa.pem"
        extensions = folder / "extensions"
        extensions.write_text(STAMPS)
        openssl(
            *("req", *CURVE, "-x509", "-days", "30", "-keyout", root_key, "-out", self.roots),
            *("-subj", "/CN=root", "-addext", "keyUsage=critical,keyCertSign"),
        )
        openssl("req", *CURVE, "-keyout", folder / "tsa.key", "-out", asked, "-subj", "/CN=tsa")
        signed_by = ("-CA", self.roots, "-CAkey", root_key, "-extfile", extensions, "-days", "9")
        openssl("x509", "-req", "-in", asked, "-out", made, *signed_by)
        (folder / "serial").write_text("01\n")
        (folder / "openssl.conf").write_text(CONFIGURATION.format(folder=folder))

    def stamp(self, query: bytes) -> bytes:
        """Answer a request."""
        asked, answer = self._folder / "query", self._folder / "answer"
        asked.write_bytes(query)
        where = ("-config", self._folder / "openssl.conf", "-section", "stamps")
        openssl("ts", "-reply", *where, "-queryfile", asked, "-out", answer)
        return answer.read_bytes()

    def stamp_note(self, note: bytes) -> bytes:
        """Stamp a note without a request of ours."""
        asked, data = self._folder / "query", self._folder / "note"
        data.write_bytes(note)
        openssl("ts", "-query", "-data", data, "-sha256", "-cert", "-out", asked)
        return self.stamp(asked.read_bytes())

    def verify(self, note: bytes, answer: bytes) -> str:
        """Verify a stamp as a stranger does, with OpenSSL."""
        data, stamp = self._folder / "note", self._folder / "stamp"
        data.write_bytes(note)
        stamp.write_bytes(answer)
        return openssl("ts", "-verify", "-data", data, "-in", stamp, "-CAfile", self.roots)


class AuthorityServer:
    """Its server. `answer` replaces what it says."""

    def __init__(self, authority: TimeStampAuthority) -> None:
        self._authority = authority
        self.asked = 0
        self.url = ""
        self.answer: web.Response | None = None
        """Answer instead of a stamp; a copy is sent, since aiohttp sends no response twice."""
        self.is_silent = False

    async def _stamp(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        assert request.content_type == "application/timestamp-query"
        query = await request.read()
        if self.is_silent:
            await asyncio.Event().wait()
        if self.answer:
            return web.Response(
                status=self.answer.status, body=self.answer.body, headers=self.answer.headers
            )
        body = await asyncio.to_thread(self._authority.stamp, query)
        return web.Response(body=body, content_type="application/timestamp-reply")

    @asynccontextmanager
    async def run(self) -> AsyncIterator["AuthorityServer"]:
        app = web.Application()
        app.router.add_post("/", self._stamp)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        try:
            yield self
        finally:
            await runner.cleanup()
