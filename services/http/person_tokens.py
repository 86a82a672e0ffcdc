"""Tokens of persons, issued by the identity providers in the configuration."""

import asyncio
from datetime import datetime

from services import metrics
from services.config.identity import IdentityProvider
from services.config.model import Configuration
from services.http.access_tokens import InvalidToken, VerifyingKey, parse_token, verify_token
from services.http.grants import rights_of
from services.http.key_sets import KeySet, key_set_of
from services.http.person_grants import grant_of
from services.http.rights import Rights

LOOK_SECONDS = 20.0
"""Interval of looking for key sets that are old."""


class PersonTokens:
    def __init__(self, config: Configuration) -> None:
        self._config = config
        self._keys: dict[IdentityProvider, KeySet] = {}
        self.reload(config)

    def reload(self, config: Configuration) -> None:
        """Use these providers and grants from the next request on. A provider that did not change
        keeps its keys."""
        self._config = config
        gone = {each.id for each in self._keys} - {each.id for each in config.identity_providers}
        for id in gone:
            metrics.identity_keys_age.remove(id)
        self._keys = {
            each: self._keys.get(each) or key_set_of(each) for each in config.identity_providers
        }

    @property
    def has_providers(self) -> bool:
        return bool(self._keys)

    async def find(self, token: str, now: datetime) -> Rights | None:
        """Return the rights of a person's token; None if it is not valid.

        Raises KeysUnavailable.
        """
        try:
            stated = parse_token(token)
            for provider, keys in self._keys.items():
                if provider.issuer == stated.issuer and provider.audience in stated.audiences:
                    key = await keys.find(stated.key_id)
                    return self._rights(token, key, provider, now) if key else None
        except InvalidToken:
            return None
        return None

    def _rights(
        self, token: str, key: VerifyingKey, provider: IdentityProvider, now: datetime
    ) -> Rights | None:
        claims = verify_token(token, key, provider, now)
        grant = grant_of(claims, provider, self._config.identity_grants)
        if grant is None:
            return None
        return rights_of(grant, self._config.ordinary_departments(grant.tenant))

    async def refresh_forever(self) -> None:
        """Fetch key sets before they are needed, until cancelled."""
        while True:
            for provider, keys in list(self._keys.items()):
                await keys.refresh_if_old()
                if provider in self._keys:  # it may have left the configuration meanwhile
                    metrics.identity_keys_age.labels(provider=provider.id).set(keys.age)
            await asyncio.sleep(LOOK_SECONDS)
