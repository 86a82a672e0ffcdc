"""Looks at one number: asks its provider, and returns a finding for each check.

Each check is on its own: one that gets no answer has None, and changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from deliverer.meta.accounts import Account
from deliverer.meta.health import number_state, webhook_fields
from deliverer.meta.health.access_token import find_app, judge_key, judge_token
from deliverer.meta.health.account_state import find_account, judge_account
from deliverer.meta.health.finding import (
    CHECKS,
    NOT_OFFERED,
    Finding,
    Findings,
    Shown,
    is_token_refused,
    read_answer,
)
from deliverer.meta.health.graph_versions import find_version, judge_version
from deliverer.meta.health.webhook_certificate import (
    NO_ADDRESS,
    Door,
    judge_certificate,
    parse_door,
)
from deliverer.meta.health.webhook_fields import (
    find_callback,
    is_elsewhere,
    is_only_app,
    judge_fields,
    judge_subscription,
)
from deliverer.transport.http_client import HttpClient
from deliverer.transport.response import Response
from services.config.providers import ProviderId
from services.egress.shown_certificate import ShownCertificate

MAX_SECRETS = 4
"""App secrets that are tried: two while one is being replaced, for one or two apps."""
BSP_HEALTH: Mapping[ProviderId, str] = {"360dialog": "health_status"}
"""BSP -> path of the call that passes on Meta's `health_status`. It is all that a BSP offers, and
its answer also shows if the key is accepted. Source: docs.360dialog.com, "Health Status"."""

FetchCertificate = Callable[[str, int], Awaitable[ShownCertificate]]


class Outside(NamedTuple):
    """Ways to the outside world."""

    client: HttpClient
    fetch_certificate: FetchCertificate
    webhook_url: str
    """Public address of the webhook, if the operator gave one."""


async def look_at_number(account: Account, outside: Outside, now: datetime) -> Findings:
    """Return the findings of all checks of a number."""
    if account.provider == "meta":
        return await _look_at_meta(account, outside, now)
    findings: Findings = dict.fromkeys(CHECKS, Finding("not_offered", _not_offered(account)))
    if path := BSP_HEALTH.get(account.provider):
        answer = await _get(account, outside, path)
        shown = read_answer(answer)
        findings["token"] = judge_key(answer)
        findings["payment"] = judge_account(shown) if isinstance(shown, dict) else shown
    if outside.webhook_url:
        findings["certificate"] = await _look_at_door(outside.webhook_url, outside, now)
    return findings


async def _look_at_meta(account: Account, outside: Outside, now: datetime) -> Findings:
    status, webhook, token = await asyncio.gather(
        _node(account, outside, "health_status"),
        _node(account, outside, "webhook_configuration"),
        _debug_token(account, outside),
    )
    callback = find_callback(webhook) if isinstance(webhook, dict) else ""
    app = _shown_app(token)
    waba = account.waba or (find_account(status) if isinstance(status, dict) else "")
    subscribed, fields, words, limit, certificate = await asyncio.gather(
        _subscribed_apps(account, outside, waba) if waba else _no_account(status),
        _look_at_fields(account, outside, app),
        _look_at_words(account, outside),
        _look_at_limit(account, outside),
        _look_at_door(outside.webhook_url or callback, outside, now),
    )
    subscription, fields = _judge_apps(subscribed, fields, app or "")
    is_wrong = subscription is not None and subscription.state == "wrong"
    if is_elsewhere(callback, outside.webhook_url) and not is_wrong:
        subscription = Finding("wrong", webhook_fields.ELSEWHERE)
    return {
        "subscription": subscription,
        "fields": fields,
        "version": judge_version(account.graph_url, now),
        "token": judge_token(token, waba, now),
        **words,
        "limit": limit,
        "payment": judge_account(status) if isinstance(status, dict) else status,
        "certificate": certificate if outside.webhook_url or callback else _unknown_door(webhook),
    }


def _shown_app(token: Response) -> str | None:
    """Return the app of the token, '' if Meta does not say it, None without an answer."""
    return None if read_answer(token) is None else find_app(token)


async def _subscribed_apps(account: Account, outside: Outside, waba: str) -> Shown | Finding | None:
    return read_answer(await _get(account, outside, f"{waba}/subscribed_apps"))


def _judge_apps(
    subscribed: Shown | Finding | None, fields: Finding | None, app: str
) -> tuple[Finding | None, Finding | None]:
    """Return the findings of subscription and fields. Secrets that are not our app's are wrong only
    if no other app receives the webhooks: they may be those of the other one."""
    if not isinstance(subscribed, dict):
        return subscribed, fields
    if fields == webhook_fields.REFUSED and is_only_app(subscribed, app):
        fields = Finding("wrong", webhook_fields.SECRET_CHANGED)
    return judge_subscription(subscribed, app), fields


async def _no_account(status: Shown | Finding | None) -> Finding | None:
    """Return the reason why the account is not known."""
    return Finding("unknown", webhook_fields.NO_WABA) if isinstance(status, dict) else status


async def _look_at_fields(account: Account, outside: Outside, app: str | None) -> Finding | None:
    """Ask as the app, by its id and secret: Meta shows its webhook to no other token."""
    if not account.app_secrets:
        return Finding("unknown", webhook_fields.NO_SECRET)
    if not app:
        return None if app is None else Finding("unknown", webhook_fields.NO_APP)
    other: Finding | None = None
    for secret in account.app_secrets[:MAX_SECRETS]:
        headers = {"Authorization": f"Bearer {app}|{secret}"}
        answer = await _get(account, outside, f"{app}/subscriptions", headers=headers)
        shown = read_answer(answer)
        if shown is None:
            return None
        if isinstance(shown, dict):
            return judge_fields(shown)
        if not is_token_refused(answer):
            other = shown
    if other is None and len(account.app_secrets) > MAX_SECRETS:
        other = Finding("unknown", webhook_fields.UNTRIED)
    return other or webhook_fields.REFUSED


async def _look_at_words(account: Account, outside: Outside) -> Findings:
    fields = ",".join(field for field, _ in number_state.FIELDS.values())
    answer = await _node(account, outside, fields)
    if isinstance(answer, dict):
        return dict(number_state.judge_words(answer))
    return dict.fromkeys(number_state.FIELDS, answer)


async def _look_at_limit(account: Account, outside: Outside) -> Finding | None:
    field = number_state.limit_field(find_version(account.graph_url))
    answer = await _node(account, outside, field)
    return number_state.judge_limit(answer, field) if isinstance(answer, dict) else answer


def _unknown_door(webhook: Shown | Finding | None) -> Finding | None:
    """Return the reason why the address of the webhook is not known."""
    return Finding("unknown", NO_ADDRESS) if isinstance(webhook, dict) else webhook


async def _look_at_door(url: str, outside: Outside, now: datetime) -> Finding:
    door = parse_door(url)
    if not isinstance(door, Door):
        return door
    return judge_certificate(door.host, await outside.fetch_certificate(*door), now)


async def _node(account: Account, outside: Outside, fields: str) -> Shown | Finding | None:
    """Ask for fields of the number."""
    return read_answer(await _get(account, outside, account.meta_id, {"fields": fields}))


async def _debug_token(account: Account, outside: Outside) -> Response:
    """Ask with the token about itself; Meta takes it in the address only."""
    token = account.headers.get("Authorization", "").removeprefix("Bearer ")
    return await _get(account, outside, "debug_token", {"input_token": token})


async def _get(
    account: Account,
    outside: Outside,
    path: str,
    parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    query = f"?{urlencode(parameters, safe=',')}" if parameters else ""
    url = f"{account.graph_url}/{path}{query}"
    return await outside.client.request("GET", url, b"", headers or account.headers)


def _not_offered(account: Account) -> str:
    return NOT_OFFERED.format(account.provider)
