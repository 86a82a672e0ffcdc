"""Table of providers of our numbers: Meta, and BSPs that pass on Cloud API bodies. Pure.

Each provider has its own signature on webhooks, and its own address and authorization for requests.
A new BSP is a new row.
"""

import re
from typing import Literal

import msgspec

ProviderId = Literal["meta", "360dialog"]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider of numbers.

    `signature` is the header with HMAC-SHA256(secret, body), and group 1 of `form` matches its hex
    digits. `number_in_path` is True if the URL of a request contains the number's id.
    """

    signature: str
    form: re.Pattern[str]
    graph_url: str
    """Default address of the Graph API. '' for Meta: its address has a version, so the settings
    must give it."""
    number_in_path: bool
    authorization: tuple[str, str]
    """Header, and the prefix of the token in it."""
    media_hosts: tuple[str, ...]
    """Hosts that media are fetched from; the token is sent to no other host."""
    rehosts: bool = False
    """True if it passes on Meta's URL of a file, in which the host must be replaced by its own."""


PROVIDERS: dict[ProviderId, Provider] = {
    "meta": Provider(
        signature="X-Hub-Signature-256",
        form=re.compile(r"sha256=([0-9a-f]{64})"),
        graph_url="",
        number_in_path=True,
        authorization=("Authorization", "Bearer "),
        media_hosts=("graph.facebook.com", "lookaside.fbsbx.com"),
    ),
    # docs.360dialog.com, "signature validation" and "WABA integration cloud". Receivers get bare
    # digits; some got Meta's prefix.
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
    """Return the URL of `messages` or `media` of a number."""
    number_path = f"/{phone_number_id}" if PROVIDERS[provider].number_in_path else ""
    return f"{base.rstrip('/')}{number_path}/{name}"


def auth_headers(provider: ProviderId, token: str) -> dict[str, str]:
    """Return the header that authorizes a request to a provider."""
    header, prefix = PROVIDERS[provider].authorization
    return {header: prefix + token}
