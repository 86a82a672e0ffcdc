"""Tokens for a test: made in the table as the command line does."""

from typing import Any

from cli.tokens import Wanted, add
from services.access import Rights
from services.database import connected
from services.keyring import Key, digest

GENEROUS = {"per_second": 1000, "burst": 10_000}
"""For a test that is not about rates."""


async def made(url: str, name: str, tenant: str, **wanted: Any) -> str:
    """A token in the database of which `url` is the owner's; roles send and read by default."""
    wanted = {"roles": ("send", "read")} | GENEROUS | wanted
    async with connected(url, "test-tokens", 1) as pool:
        return await add(pool, Wanted(name=name, tenant=tenant, **wanted))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def key(token: str, **rights: Any) -> Key:
    """A token as an environment gives it to a keyring, without any table."""
    given = {"name": "crm", "tenant": "almelo", "roles": frozenset(("send", "read"))} | rights
    return Key(digest(token), Rights(**given))
