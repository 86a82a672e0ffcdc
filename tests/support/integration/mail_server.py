"""An SMTP server that answers as it is told."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

Says = bytes | list[bytes]


class Server:
    """Takes mail line by line. `says` is its answer to a command instead of yes, each time or one
    after another; b"" is silence."""

    def __init__(self, says: Mapping[str, Says], tls: ssl.SSLContext | None = None) -> None:
        self.says = {
            name: [said] if isinstance(said, bytes) else said for name, said in says.items()
        }
        self.tls = tls
        self.taken: list[bytes] = []
        self.commands: list[str] = []
        self.logins: list[bytes] = []
        """Name and password of each login, as AUTH PLAIN has them."""
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
            if command == "AUTH":
                self.logins.append(base64.b64decode(line.split()[-1]).strip(b"\0"))
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
