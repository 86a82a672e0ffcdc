"""Secrets of the targets of transcripts, and the store that is none."""

from collections.abc import Iterable, Mapping

from services.config.organisation import Tenant
from services.config.settings import SettingsError, exposed_calls, read, resolve_env

OBJECT_STORE = "POSTKAMER_OBJECT_STORE"
OWN_STORE = f"store: is {OBJECT_STORE}: a transcript goes to another"
HandoverSecrets = dict[tuple[str, str], str]
"""Municipality and target -> the secret that signs our tokens. Never print it."""


def handover_secrets(tenants: Iterable[Tenant], environ: Mapping[str, str]) -> HandoverSecrets:
    """Return the secret of each target that needs one. Raises SettingsError with every missing
    one, every address without TLS, and every target that is the store of the archive: that holds
    sealed files alone."""
    own = _own_store(environ)
    secrets: dict[tuple[str, str], str] = {}
    faults: list[str] = []
    for tenant in tenants:
        for target in tenant.handover:
            if target.store and target.store.rstrip("/") == own:
                faults.append(f"{OWN_STORE} (handover {target.id} of {tenant.id})")
            for setting, address in (("url", target.url), ("zaken_url", target.zaken_url)):
                where = f"{setting} (handover {target.id} of {tenant.id})"
                faults += [f"{where}: {what}" for what in exposed_calls([address], environ)]
            if not target.client_secret:
                continue
            try:
                secrets[tenant.id, target.id] = resolve_env(target.client_secret, environ)
            except ValueError as error:
                faults.append(f"{error} (handover {target.id} of {tenant.id})")
    if faults:
        raise SettingsError(faults)
    return secrets


def _own_store(environ: Mapping[str, str]) -> str:
    """Return the address of the archive's store; '' if it cannot be read."""
    try:
        return (read(OBJECT_STORE, environ) or "").rstrip("/")
    except OSError:
        return ""
