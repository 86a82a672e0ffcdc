"""A real clamd for tests: with one signature of our own, of the EICAR test file.

https://www.eicar.org/download-anti-malware-testfile: what every scanner must find, and is harmless.
Here it stands in two halves, so that no scanner takes this file away.
"""

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.process import Process, Program
from deploy.local.state import free_port

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
FOUND = "Eicar-Test"
STREAM_MEBIBYTES = 101
"""The largest file that it looks at: what WhatsApp takes, and some."""
START_SECONDS = 30.0


class Clamd:
    """A clamd on a port of this machine."""

    def __init__(self, folder: Path, most: int = STREAM_MEBIBYTES) -> None:
        self.port = free_port()
        self.url = f"tcp://127.0.0.1:{self.port}"
        found = shutil.which("clamd") or "/usr/sbin/clamd"
        assert Path(found).exists(), "clamd is missing: deploy/setup.sh scanner"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "signatures").mkdir(exist_ok=True)
        signature = f"{FOUND}:0:*:{EICAR.hex()}\n"
        (folder / "signatures" / "test.ndb").write_text(signature)
        config = folder / "clamd.conf"
        config.write_text(
            f"Foreground yes\nTCPSocket {self.port}\nTCPAddr 127.0.0.1\n"
            f"DatabaseDirectory {folder / 'signatures'}\nTemporaryDirectory {folder}\n"
            f"StreamMaxLength {most}M\nMaxFileSize {most}M\nMaxScanSize 400M\n"
        )
        arguments = (found, "--config-file", str(config))
        program = Program(name="clamd", arguments=arguments, environment={}, folder=folder)
        self._process = Process(program)

    def start(self) -> None:
        self._process.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            self._process.must_run()
            assert time.monotonic() < deadline, "clamd is not ready"
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.kill()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
                connection.sendall(b"zPING\0")
                return connection.recv(16).startswith(b"PONG")
        except OSError:
            return False


@contextmanager
def clamd(folder: Path, most: int = STREAM_MEBIBYTES) -> Iterator[Clamd]:
    one = Clamd(folder, most)
    one.start()
    try:
        yield one
    finally:
        one.stop()
