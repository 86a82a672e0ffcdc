"""The secrets of destinations: from the configuration and the environment, once. Pure, but for
files that hold one."""

from collections.abc import Callable, Iterator, Mapping

from deliverer.destinations import cloudevents
from services.config.model import Config
from services.config.organisation import Destination
from services.config.settings import SettingsError, read, resolved

Keys = tuple[bytes, ...]
"""With which a destination's events are signed: two while its secret is replaced. Of mail one, the
name and password, perhaps empty."""


def keys(config: Config, environ: Mapping[str, str]) -> dict[str, Keys]:
    """Destination -> its keys. SettingsError with every secret that is missing or wrong."""
    found: dict[str, Keys] = {}
    faults: list[str] = []
    for destination in config.destinations:
        try:
            found[destination.id] = tuple(_of(destination, environ))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise SettingsError(faults)
    return found


def client_secrets(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """Destination -> with what it asks for tokens; SettingsError with every one that is missing."""
    found: dict[str, str] = {}
    faults: list[str] = []
    for destination in config.destinations:
        given = destination.oauth.client_secret if destination.oauth else ""
        if not given:
            continue
        try:
            found[destination.id] = resolved(given, environ)
        except ValueError as error:
            faults.append(f"{error} (client_secret of destination {destination.id})")
    if faults:
        raise SettingsError(faults)
    return found


def _of(destination: Destination, environ: Mapping[str, str]) -> Iterator[bytes]:
    mail = destination.kind == "mail"
    signs = destination.kind == "cloudevents"
    key_of: Callable[[str], bytes] = cloudevents.key_of if signs else str.encode
    for field in ("secret", "secret_next"):
        given: str = getattr(destination, field)
        name = given.removeprefix("env:") if given.startswith("env:") else field
        try:
            secret = (read(name, environ) or "") if name != field else given
            if not secret and (given or field == "secret") and not mail:
                raise ValueError("is missing")
            if secret or field == "secret":
                yield key_of(secret)
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else str(error)
            raise ValueError(f"{name} (destination {destination.id}): {what}") from None
