"""`postkamer check --live`: asks the identity providers for their keys."""

import asyncio

from cli.check.servers import ServerCheck
from services.config.model import Configuration
from services.http.key_sets import KeysUnavailable, key_set_of

NO_KEYS = "identity provider {}: it gives no keys, so its tokens are refused after a day at most"
NO_KEY = ""
"""Id that no key has, so that the set is asked for."""


def check_identity_providers(config: Configuration) -> ServerCheck:
    """Ask each provider for its keys."""
    return asyncio.run(_check(config))


async def _check(config: Configuration) -> ServerCheck:
    result = ServerCheck()
    for provider in config.identity_providers:
        try:
            await key_set_of(provider).find(NO_KEY)
        except KeysUnavailable:
            result.warnings.append(NO_KEYS.format(provider.id))
        else:
            result.checked.append(f"OpenID Connect {provider.id}")
    return result
