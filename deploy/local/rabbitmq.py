"""Private RabbitMQ in its own folder, with its own cookie, node name, ports and epmd.

The packaged wrapper in /usr/sbin changes to the user and the folders of the system's broker. So we
run the script behind it, and set everything that it would take from the system.
"""

import base64
import hashlib
import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from deploy.local.errors import Refusal, last_lines
from deploy.local.process import Process, Program
from deploy.local.process_tree import POLL_SECONDS
from deploy.local.state import free_port, token, write_private

INSTALLED = Path("/usr/lib/rabbitmq/bin")
VHOST = "postkamer"
OWNER = "local-owner"
"""Administrator of the private broker, for the person who runs it and for tests."""
READY_SECONDS = 120.0
"""Time limit from start to first answer: 4 s on two idle cores, much more when they are busy."""
CONTROL_SECONDS = 60
EVALUATED = "{ok, "
"""Beginning of what `erl_call` prints of a value; of an error it is `{error, `."""

SETTINGS = {
    "heartbeat": "10",
    "raft.wal_max_size_bytes": "67108864",  # 64 MB instead of 512: held in memory as well
    "vm_memory_high_watermark.absolute": "1GB",
    "disk_free_limit.absolute": "256MB",  # a broker that meets ENOSPC does not recover
    "log.file": "false",
    "log.console": "true",
    "log.console.level": "info",
    "log.console.use_colors": "off",
}
ERLANG = " ".join(
    (
        "+sbwt none +sbwtdcpu none +sbwtdio none",  # do not spin while idle
        "-start_epmd false",  # our own epmd runs already, and ends with us
        "-kernel inet_dist_use_interface {127,0,0,1}",
    )
)


class Ports:
    """Ports of one broker, all on 127.0.0.1. `metrics`: also one for its metrics."""

    def __init__(
        self, give: Callable[[str], int] = lambda _: free_port(), *, metrics: bool = False
    ) -> None:
        self.amqp = give("amqp")
        self.distribution = give("distribution")
        self.epmd = give("epmd")
        self.metrics = give("metrics") if metrics else None


class Broker:
    """RabbitMQ node that can start, stop, be killed, and restart on the same ports and data.

    `definitions` is RabbitMQ's own document (vhost, users, queues, ...). It is loaded at every
    start, before the node listens. There is no user `guest`.
    """

    def __init__(
        self,
        folder: Path,
        definitions: Mapping[str, Any],
        *,
        ports: Ports | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder, self.ports = folder.resolve(), ports or Ports()
        self._definitions, self._report = definitions, report
        if not (INSTALLED / "rabbitmq-server").exists():
            raise Refusal(
                f"RabbitMQ is not installed (looked in {INSTALLED}); "
                "run `make setup` or `apt-get install rabbitmq-server`."
            )
        self.process = Process(self._node())
        self.epmd = Process(self._epmd())

    @property
    def url(self) -> str:
        """URL for the administrator."""
        return self.url_for(OWNER, self._password())

    def url_for(self, user: str, password: str) -> str:
        return f"amqp://{user}:{password}@127.0.0.1:{self.ports.amqp}/{VHOST}"

    def start(self) -> None:
        """Start the node, wait until it accepts connections, and make it survive a crash."""
        self.launch()
        self.wait()
        self.flush()

    def launch(self) -> None:
        """Start the node without waiting."""
        self._report("RabbitMQ is starting (some seconds)")
        if not self._flushed.exists():  # it was never reported ready
            shutil.rmtree(self.folder / "data", ignore_errors=True)
        self._write_configuration()
        self.epmd.start()
        self.process.start()

    def wait(self) -> None:
        """Wait until the node accepts connections, which it does after loading the definitions."""
        deadline = time.monotonic() + READY_SECONDS
        while not _is_answering(self.ports.amqp):
            self.epmd.must_run()
            self.process.must_run()
            if time.monotonic() > deadline:
                log = self.process.program.log
                raise Refusal(
                    f"RabbitMQ did not answer within {READY_SECONDS:.0f} s. "
                    f"Its log, {log}, ends:\n{last_lines(log)}"
                )
            time.sleep(POLL_SECONDS)

    def flush(self) -> None:
        """Flush the node's table of queues to disk, once for each definitions.

        RabbitMQ 4.0 writes it some seconds late. A node that is killed before comes back with a
        queue that has lost its log and never elects a leader: it hangs for ever. So a node that
        was never flushed starts with nothing the next time.
        """
        definitions = (self.folder / "definitions.json").read_text()
        if self._flushed.exists() and self._flushed.read_text() == definitions:
            return
        self.evaluate("[ok = dets:sync(Table) || Table <- dets:all()].")
        write_private(self._flushed, definitions)

    @property
    def _flushed(self) -> Path:
        """File with the definitions that are surely on disk; missing until the first success."""
        return self.folder / "definitions.settled.json"

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> bool:
        """Stop the node, then its epmd. False if the node had to be killed."""
        clean = self.process.stop(hurry)
        self.epmd.stop(hurry)
        return clean

    def kill(self) -> None:
        """Kill the node, as a crash would."""
        self.process.kill()
        self.epmd.kill()

    def pause(self) -> None:
        """Freeze the node: it keeps its connections and answers nothing."""
        self.process.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send(signal.SIGCONT)

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on this node and return its output. Refusal when it fails.

        Most commands need `-p postkamer` after their name.
        """
        program = INSTALLED / "rabbitmqctl"
        result = self._run(program, "--longnames", "-n", self._name, "-q", *arguments)
        if result.returncode:
            reason = (result.stderr or result.stdout)[-500:]
            raise Refusal(f"rabbitmqctl {arguments[0]} failed: {reason}")
        return result.stdout

    def evaluate(self, expressions: str) -> str:
        """Evaluate expressions of Erlang in this node and return the value of the last one, as
        Erlang prints it. Refusal when it fails.

        It takes milliseconds: `rabbitmqctl` starts a node of its own, which takes a second.
        """
        result = self._run("erl_call", "-n", self._name, "-e", input=f"{expressions}\n")
        if not result.stdout.startswith(EVALUATED):
            reason = (result.stderr or result.stdout)[-500:]
            raise Refusal(f"the broker does not evaluate it: {reason}")
        return result.stdout.removeprefix(EVALUATED).removesuffix("}")

    def _run(self, *command: str | Path, input: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self._environment(),
            input=input,
            capture_output=True,
            text=True,
            timeout=CONTROL_SECONDS,
            check=False,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _name(self) -> str:
        # An address instead of `localhost`: it needs no look-up, and is never IPv6.
        return "postkamer@127.0.0.1"

    def _password(self) -> str:
        path = self.folder / "password"
        if not path.exists():
            write_private(path, token())
        return path.read_text()

    def _write_configuration(self) -> None:
        folder = self.folder
        cookie = folder / ".erlang.cookie"
        if not cookie.exists():
            write_private(cookie, token())
            cookie.chmod(0o400)  # Erlang refuses a cookie that others can read
        document = with_owner(self._definitions, self._password())
        write_private(folder / "definitions.json", json.dumps(document, indent=1))
        settings = SETTINGS | {
            "listeners.tcp.1": f"127.0.0.1:{self.ports.amqp}",
            "load_definitions": str(folder / "definitions.json"),
        }
        if self.ports.metrics:
            settings |= {
                "prometheus.tcp.ip": "127.0.0.1",
                "prometheus.tcp.port": str(self.ports.metrics),
            }
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        (folder / "rabbitmq.conf").write_text("".join(lines))
        plugins = "rabbitmq_prometheus" if self.ports.metrics else ""
        (folder / "enabled_plugins").write_text(f"[{plugins}].\n")

    def _environment(self) -> dict[str, str]:
        folder = self.folder
        return {
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_USE_LONGNAME": "true",
            "RABBITMQ_DIST_PORT": str(self.ports.distribution),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_PID_FILE": str(folder / "node.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
            # With input allowed, the script becomes the node (exec) instead of waiting for it, so
            # that our signals reach the node. It still reads no input.
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_SERVER_START_ARGS": "-noinput",
        }

    def _node(self) -> Program:
        return Program(
            name="rabbitmq",
            arguments=(str(INSTALLED / "rabbitmq-server"),),
            environment=self._environment(),
            folder=self.folder,
        )

    def _epmd(self) -> Program:
        return Program(
            name="epmd",
            arguments=("epmd", "-port", str(self.ports.epmd), "-address", "127.0.0.1"),
            environment=self._environment(),
            folder=self.folder,
        )


def with_owner(definitions: Mapping[str, Any], password: str) -> dict[str, Any]:
    """Return the definitions with the vhost, and an administrator who may do everything in it."""
    salt = hashlib.sha256(password.encode()).digest()[:4]
    digest = hashlib.sha256(salt + password.encode()).digest()
    owner = {
        "name": OWNER,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": ["administrator"],
    }
    everything = {"user": OWNER, "vhost": VHOST, "configure": ".*", "write": ".*", "read": ".*"}
    vhosts = definitions.get("vhosts", [])
    if not any(vhost["name"] == VHOST for vhost in vhosts):
        vhosts = [*vhosts, {"name": VHOST}]
    return dict(definitions) | {
        "vhosts": vhosts,
        "users": [*definitions.get("users", []), owner],
        "permissions": [*definitions.get("permissions", []), everything],
    }


def _is_answering(port: int) -> bool:
    """True if an AMQP 0-9-1 server answers: its first frame is a method (type 1) on channel 0."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(3) == b"\x01\x00\x00"
    except OSError:
        return False
