"""A real authority of time stamps: `openssl ts` behind a small HTTP server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.support.test_ca import openssl

CONFIGURATION = """
[{section}]
serial = {folder}/serial
{certs}
signer_cert = {folder}/{signer}.pem
signer_key = {folder}/{signer}.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""
DIRECT, BELOW, BELOW_WHOLE = "direct", "below", "below_whole"
"""Sections: a certificate that the root issued; one that an intermediate one issued, which is not
in the stamp; and the same with it in the stamp."""
ISSUES = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n"
STAMPS = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class TimeStampAuthority:
    """Stamps by its own clock with a certificate of its own root, `roots`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.roots = folder, folder / "root.pem"
        folder.mkdir(parents=True)
        openssl(
            *("req", *CURVE, "-x509", "-days", "30", "-keyout", folder / "root.key"),
            *("-out", self.roots, "-subj", "/CN=root"),
            *("-addext", "keyUsage=critical,keyCertSign"),
        )
        self._issue("tsa", "root", STAMPS)
        (folder / "serial").write_text("01\n")
        self._configure(DIRECT, "tsa")

    def add_intermediate(self) -> bytes:
        """Let it stamp in the sections below as well; return the intermediate certificate."""
        self._issue("intermediate", "root", ISSUES)
        self._issue("tsa-below", "intermediate", STAMPS)
        intermediate = self._folder / "intermediate.pem"
        self._configure(BELOW, "tsa-below")
        self._configure(BELOW_WHOLE, "tsa-below", f"certs = {intermediate}")
        return intermediate.read_bytes()

    def _issue(self, name: str, issuer: str, extensions: str) -> None:
        asked, stated = self._folder / f"{name}.csr", self._folder / "extensions"
        stated.write_text(extensions)
        key = self._folder / f"{name}.key"
        openssl("req", *CURVE, "-keyout", key, "-out", asked, "-subj", f"/CN={name}")
        issuer_files = (self._folder / f"{issuer}.{kind}" for kind in ("pem", "key"))
        signed_by = zip(("-CA", "-CAkey"), issuer_files, strict=True)
        openssl(
            *("x509", "-req", "-in", asked, "-out", self._folder / f"{name}.pem", "-days", "9"),
            *(word for pair in signed_by for word in pair),
            *("-CAcreateserial", "-extfile", stated),
        )

    def _configure(self, section: str, signer: str, certs: str = "") -> None:
        stated = CONFIGURATION.format(
            section=section, folder=self._folder, signer=signer, certs=certs
        )
        (self._folder / f"{section}.conf").write_text(stated)

    def stamp(self, query: bytes, section: str = DIRECT) -> bytes:
        """Answer a request."""
        asked, answer = self._folder / "query", self._folder / "answer"
        asked.write_bytes(query)
        where = ("-config", self._folder / f"{section}.conf", "-section", section)
        openssl("ts", "-reply", *where, "-queryfile", asked, "-out", answer)
        return answer.read_bytes()

    def stamp_note(self, note: bytes, section: str = DIRECT) -> bytes:
        """Stamp a note without a request of ours."""
        asked, data = self._folder / "query", self._folder / "note"
        data.write_bytes(note)
        openssl("ts", "-query", "-data", data, "-sha256", "-cert", "-out", asked)
        return self.stamp(asked.read_bytes(), section)

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
