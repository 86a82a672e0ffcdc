"""Private PostgreSQL in its own folder, on its own port.

PostgreSQL refuses to run as root, and the user that it runs as instead may have no access to the
folder's parents (a clone under /root). So the folder is opened here and inherited as an open file:
the server reaches its data through /proc/self/fd, regardless of the owner of the path above it.
"""

import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from deploy.local.errors import Refusal, last_lines
from deploy.local.process import Process, Program
from deploy.local.process_tree import POLL_SECONDS
from deploy.local.state import free_port, token, write_private

OLDEST = 15
"""Oldest major version; the tables use features that it introduced."""
INSTALLED = Path("/usr/lib/postgresql")
"""Folder in which Debian and Ubuntu keep the versions side by side."""
OWNER = "postkamer"
"""Name of the first user, a superuser, and of its database."""
READY_SECONDS = 120.0
"""Time limit from start to first answer. Recovery after a crash replays up to 1 GB of WAL."""
QUERY_SECONDS = 60

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # its path would be too long, or out of reach
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    # Keep citizens out of the server's log: by default it contains rows that a constraint refuses,
    # and the values of a slow statement.
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
"""Settings for tests that kill processes but do not cut the power."""


class Database:
    """PostgreSQL server that can start, stop, be killed, and restart on the same port and data."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder, self.port = folder.resolve(), port or free_port()
        self.version, self._bin = binaries(self.folder / "data")
        self._durable, self._report = durable, report
        self.more: dict[str, str] = {}
        """Extra environment variables of the server, set before it starts."""
        self.process: Process | None = None

    @property
    def url(self) -> str:
        """URL for the owner of the database, who is also superuser."""
        return self.url_for(OWNER, (self.folder / "password").read_text())

    def url_for(self, user: str, password: str, database: str = OWNER) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers. Create its data first if there is none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with _open_private(self.folder) as descriptor:
            if not (self.folder / "data").exists():
                self._create(descriptor)
            _remove_stale_lock(self.folder / "data" / "postmaster.pid")
            self.process = Process(self._program(descriptor))
            self.process.start()
        self._wait()
        if self.execute(f"select 1 from pg_database where datname = '{OWNER}'", "postgres") == "":
            self.execute(f"create database {OWNER}", "postgres")

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> bool:
        """Stop without waiting for clients. False if it had to be killed."""
        return self.process.stop(hurry) if self.process else True

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process:
            self.process.kill()

    def execute(self, sql: str, database: str = OWNER) -> str:
        """Run statements as the owner; return their rows, one per line. Refusal when one fails."""
        result = subprocess.run(
            [*self._client("psql", "-U", OWNER, "-d", database), "-AtqX", "-v", "ON_ERROR_STOP=1"],
            input=sql,  # not an argument, which every user of the machine can read
            env=_environment() | {"PGPASSWORD": (self.folder / "password").read_text()},
            capture_output=True,
            text=True,
            timeout=QUERY_SECONDS,
            check=False,
        )
        if result.returncode:
            raise Refusal(f"PostgreSQL refused: {result.stderr.strip()}")
        return result.stdout.strip()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _create(self, descriptor: int) -> None:
        self._report(f"creating the data of PostgreSQL {self.version} (some seconds, once)")
        shutil.rmtree(self.folder / "data.new", ignore_errors=True)
        password = self.folder / "password"
        write_private(password, token())
        if account := _account():
            os.chown(password, *account)
        here = f"/proc/self/fd/{descriptor}"
        create = Program(
            name="initdb",
            arguments=(
                *(str(self._bin / "initdb"), "-D", f"{here}/data.new", "-U", OWNER),
                *(f"--pwfile={here}/password", "--auth=scram-sha-256"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"),
                *(() if self._durable else ("--no-sync",)),
            ),
            environment=_environment() | self.more,
            folder=self.folder,
            account=account,
            descriptors=(descriptor,),
        )
        process = Process(create)
        process.start()
        while process.exit_code is None:
            time.sleep(POLL_SECONDS)
        process.stop()
        if process.exit_code:
            raise Refusal(f"initdb failed. Its log, {create.log}, ends:\n{last_lines(create.log)}")
        (self.folder / "data.new").rename(self.folder / "data")

    def _program(self, descriptor: int) -> Program:
        settings = SETTINGS | ({} if self._durable else NOT_DURABLE) | {"port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        data = f"/proc/self/fd/{descriptor}/data"
        return Program(
            name="postgresql",
            arguments=(str(self._bin / "postgres"), "-D", data, *options),
            environment=_environment() | self.more,
            folder=self.folder,
            account=_account(),
            descriptors=(descriptor,),
            stop_signal=signal.SIGINT,  # "fast": ends the clients' sessions, then a checkpoint
            death_signal=signal.SIGQUIT,  # "immediate": with all children, recovers at next start
        )

    def _client(self, program: str, *arguments: str) -> list[str]:
        return [str(self._bin / program), "-h", "127.0.0.1", "-p", str(self.port), *arguments]

    def _wait(self) -> None:
        assert self.process
        deadline = time.monotonic() + READY_SECONDS
        while subprocess.run(self._client("pg_isready", "-q"), check=False).returncode:
            self.process.must_run()
            if time.monotonic() > deadline:
                log = self.process.program.log
                raise Refusal(
                    f"PostgreSQL did not answer within {READY_SECONDS:.0f} s. "
                    f"Its log, {log}, ends:\n{last_lines(log)}"
                )
            time.sleep(POLL_SECONDS)


def binaries(data: Path, installed: Path = INSTALLED) -> tuple[int, Path]:
    """Return the version to run and the folder of its programs: the version that created `data`,
    else the newest."""
    versions = {
        int(path.parent.parent.name): path.parent
        for path in installed.glob("*/bin/initdb")
        if re.fullmatch(r"\d+", path.parent.parent.name)
    }
    version_file = data / "PG_VERSION"
    version = int(version_file.read_text()) if version_file.exists() else max(versions, default=0)
    if version in versions and version >= OLDEST:
        return version, versions[version]
    if version_file.exists():
        raise Refusal(
            f"{data} was made by PostgreSQL {version}, which is not installed; "
            "install it, or run `make clean` to start with an empty database."
        )
    raise Refusal(
        f"PostgreSQL {OLDEST} or newer is not installed (looked in {installed}); "
        "run `make setup` or `apt-get install postgresql`."
    )


def _account() -> tuple[int, int] | None:
    """Return user and group for the server; None for our own, unless we are root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError as error:
        raise Refusal("There is no user `postgres`; run `apt-get install postgresql`.") from error
    return entry.pw_uid, entry.pw_gid


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@contextmanager
def _open_private(folder: Path) -> Iterator[int]:
    """Open the folder; make it private to the user who runs the server."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if account := _account():
            os.fchown(descriptor, *account)
        os.fchmod(descriptor, 0o700)
        yield descriptor
    finally:
        os.close(descriptor)


def _remove_stale_lock(lock: Path) -> None:
    """Remove the lock file that a killed server left behind.

    PostgreSQL would refuse to start if its old pid now belongs to another process. A server of an
    earlier run of ours has been ended through its pid file before.
    """
    if not lock.exists():
        return
    holder = lock.read_text().partition("\n")[0]
    try:
        data = os.readlink(f"/proc/{holder}/cwd")
    except OSError:
        data = ""
    if data != str(lock.parent):
        lock.unlink()
