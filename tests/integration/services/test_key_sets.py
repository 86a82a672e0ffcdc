"""Key sets of an identity provider, over HTTP: rotated keys, and a provider that is away."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from services.http.bearer_auth import require_token
from services.http.key_sets import (
    RETRY_SECONDS,
    TRUST_SECONDS,
    WANTING_RETRY_SECONDS,
    KeySet,
    KeysUnavailable,
    fetch_url,
)
from services.http.person_tokens import PersonTokens
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.metrics import REGISTRY
from services.postgres.database import Pool
from services.tasks import background_task
from tests.support.identity_provider import ID, PERSON, Provider, key_for, running_provider, town
from tests.support.observer import until_true
from tests.support.tokens import bearer, key

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
GRANTS = ({"value": "kcc", "roles": ("kcc",)},)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def keys_of(provider: Provider, hand: Hand) -> KeySet:
    return KeySet("idp", lambda: fetch_url(provider.keys_url), hand)


async def test_new_key_is_found_and_an_invented_one_asks_once_in_a_while(
    provider: Provider,
) -> None:
    keys = keys_of(provider, hand := Hand())
    assert await keys.find("first") and provider.asked == 1
    provider.keys.append(key_for("RS256", "second"))
    hand.at = RETRY_SECONDS
    assert await keys.find("second") and provider.asked == 2
    for n in range(50):
        assert await keys.find(f"invented-{n}") is None
    assert provider.asked == 2
    hand.at = 2 * RETRY_SECONDS
    assert await keys.find("invented") is None and provider.asked == 3


async def test_key_that_was_taken_back_is_unknown_after_the_next_look(provider: Provider) -> None:
    keys = keys_of(provider, hand := Hand())
    assert await keys.find("first")
    provider.keys = [key_for("RS256", "second")]
    await keys.refresh_if_old()
    assert await keys.find("first") and provider.asked == 1
    hand.at = 600.0
    await keys.refresh_if_old()
    assert await keys.find("first") is None and await keys.find("second")


@pytest.mark.parametrize("answer", [None, b"", b"[]", b'{"keys": []}', b"x" * 300_000])
async def test_keys_stay_in_use_while_the_provider_gives_none_for_a_day(
    provider: Provider, answer: bytes | None
) -> None:
    keys = keys_of(provider, hand := Hand())
    assert await keys.find("first")
    provider.is_away, provider.published = answer is None, answer
    hand.at = TRUST_SECONDS - 1
    await keys.refresh_if_old()
    assert await keys.find("first") and provider.asked == 2
    hand.at = TRUST_SECONDS + RETRY_SECONDS
    with pytest.raises(KeysUnavailable):
        await keys.find("first")
    provider.is_away, provider.published = False, None
    hand.at += WANTING_RETRY_SECONDS
    assert await keys.find("first")


async def test_validity_is_unknown_until_a_provider_has_given_keys(provider: Provider) -> None:
    provider.is_away = True
    tokens = PersonTokens(town(provider.settings(), GRANTS))
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            await tokens.find(provider.token(at=NOW), NOW)
    assert provider.asked == 1


async def test_provider_keeps_its_keys_when_the_configuration_is_read_again(
    provider: Provider,
) -> None:
    tokens = PersonTokens(town(provider.settings(), GRANTS))
    assert await tokens.find(provider.token(at=NOW, roles=["kcc"]), NOW)
    fewer = town(provider.settings(), GRANTS).model_copy(update={"identity_grants": ()})
    tokens.reload(fewer)
    rights = await tokens.find(provider.token(at=NOW, roles=["kcc"]), NOW)
    assert rights and not rights.roles and provider.asked == 1
    tokens.reload(town(provider.settings(audience="another"), GRANTS))
    assert await tokens.find(provider.token(at=NOW), NOW) is None


async def shown(_: web.Request, rights: Rights) -> web.Response:
    return web.Response(text=rights.person)


async def test_api_answers_503_while_it_has_no_keys_and_401_to_what_is_wrong(
    provider: Provider,
) -> None:
    store = TokenStore(cast(Pool, None), (), town(provider.settings(), GRANTS))
    handler = require_token(shown, store, "read")
    provider.is_away = True
    right, expired = provider.token(), provider.token(at=NOW)
    statuses = [
        (await handler(make_mocked_request("GET", "/", headers=bearer(token)))).status
        for token in (right, expired, "eyJ.eyJ.x")
    ]
    assert statuses == [503, 503, 401]
    provider.is_away = False
    store.reload(town(provider.settings(leeway_seconds=0), GRANTS))
    assert (await handler(make_mocked_request("GET", "/", headers=bearer(expired)))).status == 401


async def test_token_of_the_environment_may_look_like_one_of_a_provider(provider: Provider) -> None:
    looks_alike = provider.token(at=NOW)
    config = town(provider.settings(), GRANTS)
    store = TokenStore(cast(Pool, None), [key(looks_alike)], config)
    rights = await store.authenticate(looks_alike, NOW)
    assert rights and (rights.name, rights.person) == ("crm", "")
    own = await store.authenticate(provider.token(at=NOW, jti="another"), NOW)
    assert own and own.person == PERSON


async def test_provider_is_asked_no_sooner_than_a_token_comes_where_keys_are_not_fetched_ahead(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand, config = Hand(), town(provider.settings(), GRANTS)
    monkeypatch.setattr("services.http.person_tokens.key_set_of", lambda _: keys_of(provider, hand))
    for ahead, asked in ((False, 0), (True, 1)):
        store = TokenStore(cast(Pool, None), [], config, keys_ahead=ahead)
        async with background_task(store.refresh_key_sets_forever()) as task:
            await until_true(lambda: ahead == (not task.done()))  # noqa: B023
            await until_true(lambda: provider.asked == asked)  # noqa: B023
    provider.asked = 0
    store = TokenStore(cast(Pool, None), [], config, keys_ahead=False)
    for seconds, asked in ((0.0, 1), (599.0, 1), (600.0, 2)):
        hand.at = seconds
        assert await store.authenticate(provider.token(at=NOW), NOW)
        assert provider.asked == asked
    provider.keys = [key_for("RS256", "second")]
    taken_back = provider.token(at=NOW, key=key_for("RS256", "first"))
    hand.at = 1200.0
    assert await store.authenticate(taken_back, NOW) is None


async def test_age_of_the_keys_is_shown_while_the_provider_is_configured(
    provider: Provider,
) -> None:
    tokens = PersonTokens(town(provider.settings(), GRANTS))

    def age() -> float | None:
        return REGISTRY.get_sample_value("postkamer_identity_keys_age_seconds", {"provider": ID})

    async with background_task(tokens.refresh_forever()):
        await until_true(lambda: age() is not None)
        assert 0 <= (age() or 0.0) < 60
        tokens.reload(town(provider.settings(), ()).model_copy(update={"identity_providers": ()}))
        assert age() is None
