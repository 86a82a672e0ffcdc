"""Three nodes of RabbitMQ that are one broker, as docs/operators/cluster.md sets them up."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.local.process import Process
from deploy.local.process_tree import POLL_SECONDS
from deploy.local.rabbitmq import ERLANG, OWNER, READY_SECONDS, SETTINGS, VHOST, Broker, Ports
from deploy.local.state import free_port, token, write_private

NODES = 3
NET_TICK_SECONDS = 12
"""Time after which a node takes a silent one for dead. With the default of 60 a queue with a single
active consumer stands still for 66 s."""
HTTP_SECONDS = 10.0
SYNC = "[rpc:call(N, dets, sync, [T]) || N <- [node() | nodes()], T <- rpc:call(N, dets, all, [])]."
"""Flush the tables of queues of all nodes: see `Broker.flush`."""
CUT = "[begin erlang:set_cookie(N, elsewhere), erlang:disconnect_node(N) end || N <- {0}]."
"""In one go: if only some of the others see a node, all pause until the whole cluster is back."""
MEND = "[erlang:set_cookie(N, erlang:get_cookie()) || N <- {0}]."


class Node(Broker):
    """One node. The cluster has its epmd, and loads its definitions."""

    def __init__(self, folder: Path, epmd: int, names: list[str], password: str) -> None:
        ports = Ports()
        ports.epmd, self.management = epmd, free_port()
        self._names, self._secret = names, password
        super().__init__(folder, {}, ports=ports)

    @property
    def name(self) -> str:
        """Name by which the other nodes know it."""
        return self._name

    @property
    def management_url(self) -> str:
        """Address of its management API, for the administrator."""
        return f"http://{OWNER}:{self._secret}@127.0.0.1:{self.management}"

    def launch(self) -> None:
        self._write_configuration()
        self.process.start()

    def wait(self) -> None:
        """Wait until the node has joined and answers."""
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_member():
            self.process.must_run()
            assert time.monotonic() < deadline, f"{self.name} has not joined"
            time.sleep(POLL_SECONDS)

    def is_member(self) -> bool:
        try:
            nodes = self.ask("/api/nodes?disable_stats=true")
        except (OSError, urllib.error.URLError):
            return False
        running = {node["name"] for node in nodes if node["running"]}
        return {self.name} < running

    def kill(self) -> None:
        self.process.kill()

    def stop(self, hurry: Any = lambda: False) -> bool:
        return self.process.stop(hurry)

    def start(self) -> None:
        self.launch()
        self.wait()

    def ask(self, path: str, content: Any = None, method: str = "") -> Any:
        """Answer of the management API; with `content`, a change."""
        body = None if content is None else json.dumps(content).encode()
        url = f"http://127.0.0.1:{self.management}{path}"
        request = urllib.request.Request(url, body, method=method or ("PUT" if body else "GET"))
        secret = base64.b64encode(f"{OWNER}:{self._secret}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=HTTP_SECONDS) as answer:
            said = answer.read()
        return json.loads(said) if said else None

    @property
    def _name(self) -> str:
        return f"{self.folder.name}@127.0.0.1"

    def _password(self) -> str:
        return self._secret

    def _write_configuration(self) -> None:
        """Write settings: the nodes find each other by name, and load no definitions, since the
        first one would make each queue with itself as its only member."""
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        if not (cookie := folder / ".erlang.cookie").exists():
            write_private(cookie, "cluster")
            cookie.chmod(0o400)
        own = {
            "listeners.tcp.1": f"127.0.0.1:{self.ports.amqp}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(self.management),
            "default_user": OWNER,
            "default_pass": self._secret,
            "default_vhost": VHOST,
            "cluster_formation.peer_discovery_backend": "classic_config",
            "cluster_partition_handling": "pause_minority",
            "vm_memory_high_watermark.absolute": "512MB",
        }
        own |= {
            f"cluster_formation.classic_config.nodes.{n}": name
            for n, name in enumerate(self._names, 1)
        }
        lines = [f"{name} = {value}\n" for name, value in (SETTINGS | own).items()]
        (folder / "rabbitmq.conf").write_text("".join(lines))
        (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")

    def _environment(self) -> dict[str, str]:
        erlang = f"{ERLANG} -kernel net_ticktime {NET_TICK_SECONDS} +S 1:1"
        return super()._environment() | {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": erlang}


class BrokerCluster(Broker):
    """Three nodes, for a town to use as one broker."""

    def __init__(self, folder: Path, definitions: Mapping[str, Any]) -> None:
        super().__init__(folder, definitions)
        names = [f"rabbit{n}" for n in range(1, NODES + 1)]
        password = token()
        full = [f"{name}@127.0.0.1" for name in names]
        self.nodes = [Node(folder / name, self.ports.epmd, full, password) for name in names]
        self.process: Process = self.nodes[0].process

    @property
    def url(self) -> str:
        """URL of the administrator, at a node that runs."""
        return next(node.url for node in self.nodes if node.process.exit_code is None)

    def url_for(self, user: str, password: str) -> str:
        return ",".join(node.url_for(user, password) for node in self.nodes)

    def launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.epmd.start()
        for node in self.nodes:
            node.launch()

    def wait(self) -> None:
        """Wait until all are one cluster, and give it the definitions: not before, since a queue
        has as members only the nodes that there are when it is made."""
        first = self.nodes[0]
        for node in self.nodes:
            node.wait()
        deadline = time.monotonic() + READY_SECONDS
        while len(first.ask("/api/nodes?disable_stats=true")) < NODES:
            assert time.monotonic() < deadline, "the nodes have not found each other"
            time.sleep(POLL_SECONDS)
        first.ask("/api/definitions", self._definitions, "POST")
        first.control("eval", SYNC)

    def stop(self, hurry: Any = lambda: False) -> bool:
        return all([node.stop(hurry) for node in self.nodes]) and self.epmd.stop(hurry)

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()
        self.epmd.kill()

    def control(self, *arguments: str) -> str:
        return self.running()[0].control(*arguments)

    def running(self) -> list[Node]:
        return [node for node in self.nodes if node.process.exit_code is None]

    def restore(self) -> None:
        """Start the nodes that do not run."""
        for node in self.nodes:
            if node.process.exit_code is not None:
                node.start()

    def queues(self) -> dict[str, Any]:
        """Each queue, as a running node describes it."""
        found = self.running()[0].ask(f"/api/queues/{VHOST}?disable_stats=true")
        return {queue["name"]: queue for queue in found}

    def leader(self, queue: str) -> Node:
        name = self.queues()[queue]["leader"]
        return next(node for node in self.nodes if node.name == name)

    def cut_off(self, node: Node) -> None:
        """Let this node and the others not reach each other."""
        node.control("eval", CUT.format(self._others(node)))

    def mend(self, node: Node) -> None:
        node.control("eval", MEND.format(self._others(node)))

    def _others(self, node: Node) -> str:
        """The other nodes, as Erlang writes a list of them."""
        names = (f"'{other.name}'" for other in self.nodes if other is not node)
        return f"[{', '.join(names)}]"
