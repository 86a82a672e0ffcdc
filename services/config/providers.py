"""Who carries our numbers: Meta itself, or a BSP that passes Cloud API bodies on. A table. Pure.

A provider signs what it posts to us, and is addressed and convinced in its own way when we send.
Another BSP is another row.
"""

import re
from typing import Literal

import msgspec

ProviderId = Literal["meta", "360dialog"]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """`signature` is the header with HMAC-SHA256(secret, body), whose hex digits are group 1 of
    `form`; `number_in_path` whether the number's id stands in the URL of a request to it."""

    signature: str
    form: re.Pattern[str]
    graph_url: str
    """Where it is, unless the settings say otherwise; Meta's has a version, which they must say."""
    number_in_path: bool
    authorization: tuple[str, str]
    """Header and what stands before the token in it."""
    media_hosts: tuple[str, ...]
    """Where its media are fetched from; the token goes nowhere else."""
    rehosts: bool = False
    """It passes on where a file is at Meta's; who fetches it puts the provider's own host there."""


PROVIDERS: dict[ProviderId, Provider] = {
    "meta": Provider(
        signature="X-Hub-Signature-256",
        form=re.compile(r"sha256=([0-9a-f]{64})"),
        graph_url="",
        number_in_path=True,
        authorization=("Authorization", "Bearer "),
        media_hosts=("graph.facebook.com", "lookaside.fbsbx.com"),
    ),
    # docs.360dialog.com, "signature validation" and "WABA integration cloud". Its receivers in the
    # field see bare digits; some were sent the prefix that Meta writes.
    "360dialog": Provider(
        signature="x-360dialog-signature",
        form=re.compile(r"(?:sha256=)?([0-9a-f]{64})"),
        graph_url="https://waba-v2.360dialog.io",
        number_in_path=False,
        authorization=("D360-API-KEY", ""),
        media_hosts=("waba-v2.360dialog.io",),
        rehosts=True,
    ),
}


def resource_url(provider: ProviderId, base: str, phone_number_id: str, name: str) -> str:
    """The URL of `messages` or `media` of a number."""
    within = f"/{phone_number_id}" if PROVIDERS[provider].number_in_path else ""
    return f"{base.rstrip('/')}{within}/{name}"


def auth_headers(provider: ProviderId, token: str) -> dict[str, str]:
    """The header that convinces a provider."""
    header, before = PROVIDERS[provider].authorization
    return {header: before + token}
