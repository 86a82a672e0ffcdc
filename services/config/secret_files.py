"""Secrets in files, taken while a service runs: after a file that a variable `X_FILE` names was
changed and is stable. New secrets are taken whole, or refused whole with the faults in the log.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from pydantic import SecretStr

from services import metrics
from services.config.reload import POLL_SECONDS, ChangeDetector, Snapshot, stamp
from services.config.settings import (
    PREFIX,
    AnySettings,
    BrokerSettings,
    DatabaseSettings,
    SettingsError,
    load,
)
from services.tasks import background_task

ENDING = "_FILE"
FOLLOWED = frozenset(
    (
        "amqp_url",
        "api_tokens",
        "database_url",
        "desk_client_secret",
        "desk_secret",
        "meta_access_token",
        "meta_app_secrets",
        "meta_verify_token",
        "test_tokens",
    )
)
"""Settings that a running service takes anew. The others are read only at its start: keys are
derived from them, or connections and ports made."""
SERVERS = frozenset(("amqp_url", "database_url", "object_store", "upload_store"))
AT_START = "is read at the start: restart this service"
UNREAD = "secrets cannot be read: see secrets.unread in the log"

Prepare = Callable[[AnySettings], Callable[[], None]]
"""Makes all that a service needs of new settings, and of the secrets that the configuration names,
in a thread; raises SettingsError with all faults. The function that it returns has the service use
it."""

AnyBroker = TypeVar("AnyBroker", bound=BrokerSettings)
AnyDatabase = TypeVar("AnyDatabase", bound=DatabaseSettings)

log = structlog.get_logger()


class LiveSettings(Generic[AnySettings]):
    """The settings of a process; the secrets among them follow their files."""

    def __init__(self, settings: AnySettings, environ: Mapping[str, str]) -> None:
        self.current, self.environ = settings, environ
        self.prepare: Prepare[AnySettings] = lambda _: lambda: None
        self.files, self.detector = followed_files(environ), ChangeDetector()
        self.taken = poll(self.files)
        """Files as they were when their secrets were taken."""
        self.task: asyncio.Task[None]
        """Follows the files; it never ends."""

    def use(self, prepare: Prepare[AnySettings]) -> None:
        """Have the service use what `prepare` makes, from the next look on."""
        self.prepare, self.detector.processed = prepare, None

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the files while the context is open: already while a service waits for a server
        that refuses its password."""
        async with background_task(watch_secrets(self)) as self.task:
            yield


def amqp_url(live: LiveSettings[AnyBroker]) -> Callable[[], str]:
    """Return a function that returns the addresses of the broker, with the password of now."""
    return lambda: live.current.amqp_url.get_secret_value()


def database_url(live: LiveSettings[AnyDatabase]) -> Callable[[], str]:
    """Return a function that returns the address of the database, with the password of now."""
    return lambda: live.current.database_url.get_secret_value()


def server_settings(live: LiveSettings[AnySettings]) -> Callable[[], dict[str, str]]:
    """Return a function that returns the addresses of a service's servers by their settings, with
    the passwords of now."""
    names = type(live.current).model_fields.keys() & SERVERS

    def read() -> dict[str, str]:
        values = {name: getattr(live.current, name) for name in names}
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in values.items()
        }

    return read


def secret_files(environ: Mapping[str, str]) -> dict[str, Path]:
    """Return the files that variables name, by variable. Pure. One that is of no setting of ours
    costs a look, and changes nothing."""
    return {name: Path(path) for name, path in environ.items() if name.endswith(ENDING) and path}


def followed_files(environ: Mapping[str, str]) -> dict[str, Path]:
    """Return the files to follow: none if one is a pipe, which gives its secret once."""
    files = secret_files(environ)
    if pipes := sorted(name for name, file in files.items() if file.is_fifo()):
        log.warning("secrets.not_followed", what=", ".join(pipes))
        return {}
    return files


def split_changes(old: AnySettings, new: AnySettings) -> tuple[AnySettings, list[str]]:
    """Return the settings that a running service takes, and the variable of each that it does not.
    Pure."""
    kept = {name: getattr(old, name) for name in type(old).model_fields if name not in FOLLOWED}
    left = [name for name, value in kept.items() if value != getattr(new, name)]
    return new.model_copy(update=kept), [f"{PREFIX}{name.upper()}" for name in left]


def changed_names(previous: Snapshot, snapshot: Snapshot) -> list[str]:
    """Return the variables whose files are new, changed or gone. Pure."""
    names = previous.keys() | snapshot.keys()
    return sorted(name for name in names if previous.get(name) != snapshot.get(name))


async def watch_secrets(live: LiveSettings[AnySettings]) -> None:
    """Take the secrets of changed files, for as long as this runs; those too that changed between
    the start of the process and the first look."""
    files, detector = live.files, live.detector
    while True:
        await asyncio.sleep(POLL_SECONDS)
        if not files:
            continue
        snapshot = await asyncio.to_thread(poll, files)
        if not detector.is_new_and_stable(snapshot):
            continue
        prepare = live.prepare
        result = await asyncio.to_thread(_read, live, prepare)
        is_stable = await asyncio.to_thread(poll, files) == snapshot  # else: read during a write
        if is_stable and live.prepare is prepare:
            detector.processed = snapshot
            _take(live, result, snapshot)


def poll(files: Mapping[str, Path]) -> Snapshot:
    """Return the stamp of each file that exists."""
    return {name: found for name, file in files.items() if (found := stamp(file))}


Prepared = tuple[AnySettings, list[str], Callable[[], None]]


def _read(
    live: LiveSettings[AnySettings], prepare: Prepare[AnySettings]
) -> Prepared[AnySettings] | SettingsError:
    """Read the settings anew, and prepare all that is made of them; return the faults if any."""
    try:
        read = load(type(live.current), live.environ)
        settings, left = split_changes(live.current, read)
        return settings, left, prepare(settings)
    except SettingsError as error:
        return error
    except Exception as error:  # no file ends a service, so that webhooks stay accepted
        log.error("secrets.unread", exc_info=error)
        return SettingsError([UNREAD])


def _take(
    live: LiveSettings[AnySettings],
    result: Prepared[AnySettings] | SettingsError,
    snapshot: Snapshot,
) -> None:
    """Use the new secrets, or say why not; and show whether any file is not in use."""
    if isinstance(result, SettingsError):
        faults = result.faults
    else:
        live.current, left, apply = result
        apply()
        faults = [f"{name}: {AT_START}" for name in left]
        names = {*changed_names(live.taken, snapshot)} - {f"{name}{ENDING}" for name in left}
        live.taken = snapshot
        if names:
            log.info("secrets.taken", what=", ".join(sorted(names)))
    for fault in faults:
        log.error("secrets.refused", what=fault)
    metrics.secrets_refused.set(bool(faults))
