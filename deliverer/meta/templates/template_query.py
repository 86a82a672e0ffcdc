"""Asks the provider of a number for the templates of its account, page by page."""

from collections.abc import Mapping
from urllib.parse import urlencode

from deliverer.meta.accounts import Account
from deliverer.meta.health.account_state import find_account
from deliverer.meta.health.finding import Finding, Shown, read_answer
from deliverer.meta.health.webhook_fields import NO_WABA
from deliverer.meta.templates.template_page import (
    MAX_PAGES,
    TemplateList,
    bound_list,
    page_parameters,
    read_page,
)
from deliverer.transport.http_client import HttpClient
from services.config.providers import ProviderId
from services.whatsapp.templates import MessageTemplate

LIST = "message_templates"
BSP_LISTS: Mapping[ProviderId, str] = {"360dialog": LIST}
"""BSP -> path of the call that passes on Meta's list. The key names the account, so the path does
not."""


async def list_templates(account: Account, client: HttpClient) -> TemplateList | Finding | None:
    """Return the templates of a number's account, a finding about a refusal, or None without an
    answer. A list of which a page is missing is no list."""
    waba = await _find_waba(account, client)
    if not isinstance(waba, str):
        return waba
    path = BSP_LISTS.get(account.provider) or f"{waba}/{LIST}"
    templates: dict[tuple[str, str], MessageTemplate] = {}
    is_complete, after = True, ""
    for _ in range(MAX_PAGES):
        shown = await _ask(account, client, path, page_parameters(after))
        page = read_page(shown) if isinstance(shown, dict) else shown
        if page is None or isinstance(page, Finding):
            return page
        templates |= {(each.name, each.language): each for each in page.templates}
        is_complete = is_complete and not page.unreadable
        if not page.after:
            return bound_list(waba, templates, is_complete and page.after is None)
        after = page.after
    return bound_list(waba, templates, is_complete=False)


async def _find_waba(account: Account, client: HttpClient) -> str | Finding | None:
    """Return the account of the configuration, or the one that Meta names for the number."""
    if account.waba or account.provider != "meta":
        return account.waba
    shown = await _ask(account, client, account.meta_id, {"fields": "health_status"})
    if not isinstance(shown, dict):
        return shown
    return find_account(shown) or Finding("unknown", NO_WABA)


async def _ask(
    account: Account, client: HttpClient, path: str, parameters: Mapping[str, str]
) -> Shown | Finding | None:
    url = f"{account.graph_url}/{path}?{urlencode(parameters, safe=',')}"
    return read_answer(await client.request("GET", url, b"", account.headers))
