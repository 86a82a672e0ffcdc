"""Answers of the services' operations ports, all asked at the same time."""

import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

import msgspec

from cli.status.answers import ServiceAnswer
from services.http.service_status import STATUS_PATH, ServiceStatus

SECONDS = 1.0
"""Time limit of an answer as a whole."""
ANSWER_BYTES = 1024 * 1024
LATE = f"does not answer within {SECONDS:.0f} s"

# Made before there are threads: two that have msgspec read the same type for the first time end the
# process.
_statuses = msgspec.json.Decoder(ServiceStatus)


def ask_services(addresses: Sequence[tuple[str, str]]) -> list[ServiceAnswer]:
    """Return the answer of each service, in this order.

    A thread for each one: a socket's time limit is that of one read, and a slow answer has many. A
    thread that is late is left behind, and ends with the process.
    """
    answers: dict[int, ServiceAnswer] = {}

    def ask(place: int) -> None:
        answers[place] = _ask_service(*addresses[place])

    threads = [
        threading.Thread(target=ask, args=(place,), daemon=True) for place in range(len(addresses))
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [
        answers.get(place) or ServiceAnswer(name, address, fault=f"{address} {LATE}")
        for place, (name, address) in enumerate(addresses)
    ]


def _ask_service(name: str, address: str) -> ServiceAnswer:
    try:
        body = read_page(address + STATUS_PATH, ANSWER_BYTES)
        return ServiceAnswer(name, address, _statuses.decode(body))
    except msgspec.DecodeError:
        return ServiceAnswer(name, address, fault=f"{address} answers something else")
    except TimeoutError:
        return ServiceAnswer(name, address, fault=f"{address} {LATE}")
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or error
        return ServiceAnswer(name, address, fault=f"{address} does not answer: {reason}")


def read_page(url: str, limit: int) -> bytes:
    """Return the beginning of a page. OSError or HTTPException if there is none."""
    parts = urlsplit(url)
    scheme = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = scheme(parts.netloc, timeout=SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().read(limit)
    finally:
        connection.close()
