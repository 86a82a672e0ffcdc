"""Tells the client that a session has ended (OpenID Connect Back-Channel Logout 1.0)."""

import aiohttp

from sandbox.identity.client import Client


async def post_logout_token(http: aiohttp.ClientSession, client: Client, token: str) -> int:
    """Post a logout token to the client. Return its status; 0 if there is no answer."""
    try:
        async with http.post(
            client.logout_uri, data={"logout_token": token}, allow_redirects=False
        ) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return 0
