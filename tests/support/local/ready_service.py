"""A stand-in for one service of `postkamer all`: answers that it is ready, says what it hears.

    python -m tests.support.local.ready_service NAME

POSTKAMER_REFUSES makes it end at once, as a wrong setting does; with POSTKAMER_AWAITS it is ready
when that file is there. SIGUSR1 breaks it.
"""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import FrameType

from deploy.local import plan


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        awaited = os.environ.get("POSTKAMER_AWAITS", os.devnull)
        ready = 200 if os.path.exists(awaited) else 503
        self.send_response(ready if self.path == "/health/ready" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def say(line: str) -> None:
    """Print a line in one write, as the log does: others write to the same pipe, and where Python
    does not buffer, `print` writes the end of the line apart."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(name: str) -> None:
    if os.environ.get("POSTKAMER_REFUSES"):
        sys.exit(f"{name}: POSTKAMER_X: is missing")

    def hear(number: int, frame: FrameType | None) -> None:
        say(f"{name} hears {signal.Signals(number).name}")
        if number == signal.SIGTERM:
            sys.exit(0)
        if number == signal.SIGUSR1:
            sys.exit(f"{name} is broken")

    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, hear)
    port = next(each.port for each in plan.SERVICES if each.name == name)
    server = HTTPServer(("127.0.0.1", int(os.environ[port.variable])), Ready)
    say(f"{name} is {os.getpid()} with {os.environ['OWN']}")
    Thread(target=server.serve_forever, daemon=True).start()
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
