"""Tokens of persons, issued by the identity providers in the configuration."""

import asyncio
from datetime import datetime

import msgspec

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


class TokenProof(msgspec.Struct, frozen=True):
    """Issuer of a token and the RFC 7638 thumbprint of the key that signed it. They name nobody."""

    issuer: str
    key: str


class PersonTokens:
    def __init__(self, config: Configuration, *, keys_ahead: bool = True) -> None:
        """Without `keys_ahead` nobody calls `refresh_forever`: keys are fetched when a token comes,
        and it waits for them."""
        self._config, self._keys_ahead = config, keys_ahead
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
            found = await self._find_key(token)
            return self._rights(token, *found, now) if found else None
        except InvalidToken:
            return None

    async def find_proof(self, token: str) -> TokenProof | None:
        """Return the proof of a token that is valid. Raises KeysUnavailable."""
        found = await self._find_key(token)
        return TokenProof(issuer=found[0].issuer, key=found[1].thumbprint()) if found else None

    async def _find_key(self, token: str) -> tuple[IdentityProvider, VerifyingKey] | None:
        """Return the provider that a token names, and the key that it says it is signed with."""
        stated = parse_token(token)
        for provider, keys in self._keys.items():
            if provider.issuer == stated.issuer and provider.audience in stated.audiences:
                if not self._keys_ahead:
                    await keys.refresh_if_old()
                key = await keys.find(stated.key_id)
                return (provider, key) if key else None
        return None

    async def has_key(self, proof: TokenProof) -> bool:
        """Return True if a provider has this issuer and, now, a key with this thumbprint."""
        sets = [keys for each, keys in self._keys.items() if each.issuer == proof.issuer]
        return any([await keys.has_thumbprint(proof.key) for keys in sets])

    def _rights(
        self, token: str, provider: IdentityProvider, key: VerifyingKey, now: datetime
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
