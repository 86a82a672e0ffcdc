"""The management API of the broker: policies in, the state of queues out."""

import base64
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

import msgspec

from cli.check.queue_faults import Binding, BrokerState, Policy, QueueState
from cli.support.gateway_client import GatewayRefused, send
from services.amqp import topology
from services.servers.addresses import web_address

SETTING = "POSTKAMER_BROKER_MANAGEMENT_URL"
T = TypeVar("T")


class ManagementUnusable(Exception):
    """The reason, in one line and without the address, which has a password in it."""


class BrokerManagement:
    def __init__(self, url: str) -> None:
        """`url` has the user and the password."""
        parts = urlsplit(url)
        self._authorities = web_address(url).authorities
        self._address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        secret = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        self._secret = base64.b64encode(secret.encode()).decode()

    def read_state(self) -> BrokerState:
        return BrokerState(
            self._read(list[QueueState], "queues"),
            self._read(list[Binding], "bindings"),
            self._read(list[Policy], "policies"),
            self._read(list[Policy], "operator-policies"),
        )

    def set_policy(self, policy: dict[str, Any]) -> None:
        """Set a policy as `topology.policies` gives it."""
        where = (policy["vhost"], policy["name"])
        path = "/api/policies/" + "/".join(quote(each, safe="") for each in where)
        self._send("PUT", path, {k: v for k, v in policy.items() if k not in ("vhost", "name")})

    def _read(self, kind: type[T], what: str) -> T:
        path = f"/api/{what}/{quote(topology.VHOST, safe='')}?disable_stats=true"
        try:
            return msgspec.json.decode(self._send("GET", path), type=kind)
        except msgspec.DecodeError:
            raise ManagementUnusable(f"{SETTING}: it answers something else") from None

    def _send(self, method: str, path: str, content: Any = None) -> bytes:
        headers = {"Authorization": f"Basic {self._secret}", "Content-Type": "application/json"}
        body = None if content is None else msgspec.json.encode(content)
        try:
            return send(self._address, method, path, body, headers, self._authorities)
        except GatewayRefused as error:
            raise ManagementUnusable(f"{SETTING}: {error}") from None
