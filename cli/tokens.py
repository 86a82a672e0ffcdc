"""`postkamer token`: who may call the APIs. A token is shown once; the table keeps its hash."""

import base64
import os
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from cli.support.audit import Operation, run_audited
from cli.support.database import Refused, print_result, with_database
from cli.support.time_options import Time
from services import clock
from services.config import loader, model, settings
from services.http.rights import BURST, REQUESTS_PER_SECOND, ROLES, Role
from services.http.token_store import MAX_TOKENS, digest
from services.postgres.database import Connection, Pool

PREFIX = "pk_"
"""So that scanners of leaked secrets can know one: this, and 43 characters of base64url."""
RANDOM_BYTES = 32
MOST_PER_SECOND, LARGEST_BURST = 1000, 10_000
"""More than a gateway answers; the table refuses more."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
T = TypeVar("T")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it was asked for."""

    name: str
    tenant: str
    roles: Sequence[Role]
    departments: Sequence[str] = ()
    people: bool = False
    per_second: int = REQUESTS_PER_SECOND
    burst: int = BURST
    expires_at: datetime | None = None
    note: str = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token as the list has it: everything but its hash."""

    name: str
    tenant: str
    roles: list[str]
    departments: list[str]
    people: bool
    per_second: int
    burst: int
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    note: str


def faults(
    wanted: Wanted, town: model.Configuration, now: datetime, taken: Collection[str] = ()
) -> list[str]:
    """What is wrong with it in this municipality; `taken` are names of the environment. Pure."""
    found = []
    if not NAME.fullmatch(wanted.name):
        found.append(f"{wanted.name!r} is no name: small letters, digits and hyphens, at most 63")
    if wanted.name in taken:
        found.append(f"{wanted.name} is a name in POSTKAMER_API_TOKENS: this token would not work")
    if wanted.tenant not in (known := [t.id for t in town.tenants]):
        found.append(f"--tenant: there is no {wanted.tenant!r}; there is {', '.join(known)}")
        return found
    theirs = [d.id for d in town.departments if d.tenant == wanted.tenant]
    found += [
        f"--department: {wanted.tenant} has no {each!r}; it has {', '.join(theirs)}"
        for each in wanted.departments
        if each not in theirs
    ]
    if wanted.expires_at and wanted.expires_at <= now:
        found.append("--expires: that is not in the future")
    return found


def of_environment(environ: Mapping[str, str]) -> frozenset[str]:
    """Names in POSTKAMER_API_TOKENS, which go before those of the table; none where it is not set
    or wrong, of which a service that starts complains itself."""
    try:
        given = settings.load(settings.TokenSettings, environ)
    except settings.SettingsError:
        return frozenset()
    return frozenset(whose.partition("@")[0] for whose, _ in given.api_tokens)


def fresh(chance: bytes) -> str:
    """A token from RANDOM_BYTES of chance; pure."""
    return PREFIX + base64.urlsafe_b64encode(chance).decode().rstrip("=")


async def add(connection: Connection, wanted: Wanted) -> str:
    """Write a new token down; the token itself, which nobody can find again."""
    token = fresh(secrets.token_bytes(RANDOM_BYTES))
    if await connection.fetchval(_VALID) >= MAX_TOKENS:
        raise Refused(f"there are {MAX_TOKENS} valid tokens already; revoke one first")
    added = await connection.fetchval(
        _ADD,
        wanted.name,
        digest(token),
        wanted.tenant,
        sorted(set(wanted.roles)),
        sorted(set(wanted.departments)),
        wanted.people,
        wanted.per_second,
        wanted.burst,
        wanted.expires_at,
        wanted.note,
    )
    if added is None:
        raise Refused(f"{wanted.name} is or was a token's name: messages go by it, take another")
    return token


async def listed(pool: Pool) -> list[Listed]:
    """All tokens that there are and were."""
    return [Listed(**row) for row in await pool.fetch(_LIST)]


async def revoke(connection: Connection, name: str) -> tuple[datetime, Operation | None]:
    """End a token; when that was done, which may have been before."""
    found = await connection.fetchrow(_OF_NAME, name)
    if found is None:
        raise Refused(f"there is no token {name!r}")
    if found["revoked_at"]:
        return found["revoked_at"], None
    at: datetime = await connection.fetchval(_REVOKE, name)
    return at, Operation(what="token revoke", tenant=found["tenant"], about=name)


def added(wanted: Wanted) -> Operation:
    """With what the token may do, and until when."""
    data = {
        "roles": sorted(set(wanted.roles)),
        "departments": sorted(set(wanted.departments)),
        "people": wanted.people,
        "perSecond": wanted.per_second,
        "burst": wanted.burst,
        "expiresAt": wanted.expires_at,
    }
    return Operation(what="token add", tenant=wanted.tenant, about=wanted.name, data=data)


_VALID = """
select count(*) from access.token
where revoked_at is null and (expires_at is null or expires_at > now())
"""

_ADD = """
insert into access.token (name, hash, tenant, roles, departments, people, per_second, burst,
    expires_at, note)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (name) do nothing returning name
"""

_LIST = """
select name, tenant, roles, departments, people, per_second, burst, created_at, expires_at,
    revoked_at, note
from access.token order by tenant, name
"""

_OF_NAME = "select tenant, revoked_at from access.token where name = $1 for update"
_REVOKE = "update access.token set revoked_at = now() where name = $1 returning revoked_at"


@click.group("token")
def group() -> None:
    """Tokens for the APIs (POSTKAMER_DATABASE_URL, as its owner)."""


@group.command("add")
@click.argument("name")
@click.option("--tenant", required=True, help="The one municipality it is for.")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES))
@click.option("--department", "departments", multiple=True, help="None: all departments.")
@click.option("--people", is_flag=True, help="People write with it; a message must say who.")
@click.option("--expires", "expires_at", type=Time(zone=None), help="RFC 3339.")
@click.option("--per-second", default=REQUESTS_PER_SECOND, type=click.IntRange(1, MOST_PER_SECOND))
@click.option("--burst", default=BURST, type=click.IntRange(1, LARGEST_BURST))
@click.option("--note", default="", help="For whoever reads the list.")
@click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG.")
@click.option("--json", "as_json", is_flag=True)
def add_command(path: Path | None, as_json: bool, **given: Any) -> None:
    """Make the token NAME and print it: this once."""

    async def work(connection: Connection) -> tuple[str, Operation]:
        return await add(connection, wanted), added(wanted)

    wanted = Wanted(**given)
    if wrong := _judged(wanted, path):
        click.echo("\n".join(wrong), err=True)
        raise SystemExit(2)
    token = run_audited("token", work)
    print_result({"name": wanted.name, "token": token}, [token], as_json=as_json)


def _judged(wanted: Wanted, path: Path | None) -> list[str]:
    file = path or os.environ.get("POSTKAMER_CONFIG")
    if not file:
        return ["POSTKAMER_CONFIG: is missing"]
    try:
        town = loader.load(Path(file)).config
        return faults(wanted, town, clock.now(), of_environment(os.environ))
    except model.ConfigError as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from None


@group.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_command(as_json: bool) -> None:
    """Show the tokens that there are and were."""
    tokens = with_database("token", listed)
    print_result(tokens, map(_line, tokens), as_json=as_json)


def _line(token: Listed) -> str:
    parts = [
        ", ".join(token.roles),
        ", ".join(token.departments) or "all departments",
        f"{token.per_second}/s, {token.burst} at once",
        "people" if token.people else "",
        f"until {token.expires_at:%Y-%m-%d %H:%M}Z" if token.expires_at else "",
        f"revoked {token.revoked_at:%Y-%m-%d %H:%M}Z" if token.revoked_at else "",
        token.note,
    ]
    return f"{token.name} of {token.tenant}: {'; '.join(filter(None, parts))}"


@group.command("revoke")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True)
def revoke_command(name: str, as_json: bool) -> None:
    """End the token NAME, within seconds and for ever. Whose data it saw is told by
    `postkamer archive exposure`."""
    at = run_audited("token", lambda connection: revoke(connection, name))
    words = f"{name} is revoked since {at:%Y-%m-%d %H:%M:%S}Z"
    saw = f"Whose data it saw: postkamer archive exposure --token {name} --from TIME --to TIME"
    print_result({"name": name, "revokedAt": at}, [words, saw], as_json=as_json)
