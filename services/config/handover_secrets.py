"""Secrets of the targets of transcripts, read once at the start."""

from collections.abc import Iterable, Mapping

from services.config.organisation import Tenant
from services.config.settings import SettingsError, resolve_env

HandoverSecrets = Mapping[tuple[str, str], str]
"""Municipality and target -> the secret that signs our tokens. Never print it."""


def handover_secrets(tenants: Iterable[Tenant], environ: Mapping[str, str]) -> HandoverSecrets:
    """Return the secret of each target that needs one. Raises SettingsError with every missing
    one."""
    secrets: dict[tuple[str, str], str] = {}
    faults: list[str] = []
    for tenant in tenants:
        for target in tenant.handover:
            if not target.client_secret:
                continue
            try:
                secrets[tenant.id, target.id] = resolve_env(target.client_secret, environ)
            except ValueError as error:
                faults.append(f"{error} (handover {target.id} of {tenant.id})")
    if faults:
        raise SettingsError(faults)
    return secrets
