"""The service manager above us, by the protocol of `sd_notify`: datagrams to a socket."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"


def status(words: str) -> str:
    """Return the state that `systemctl status` shows."""
    return f"STATUS={words}"


@dataclass(frozen=True)
class ServiceManager:
    """Address of the manager's socket; '' where nobody listens."""

    address: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "ServiceManager":
        return cls(environ.get("NOTIFY_SOCKET", ""))

    def tell(self, *states: str) -> None:
        """Send states. A manager that cannot be told is no reason to stop."""
        if not self.address:
            return
        # An address with @ in front is in the abstract namespace, whose names begin with a zero.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto("\n".join(states).encode(), address)
