"""`postkamer token`: tokens for the APIs. A token is shown once; the table has its hash only."""

import base64
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from cli.support.audit import Operation, run_audited
from cli.support.configuration import load_config
from cli.support.database import with_database
from cli.support.options import Time, config_option, json_option, renamed_option
from cli.support.output import CommandMisused, CommandRefused, fail, print_result
from cli.support.person import find_reach, narrow_tenant
from cli.support.working_keys import load_working_keys
from services import clock
from services.config import settings
from services.config.model import Configuration
from services.http.grants import Reach, is_wider, parse_label, reached_departments
from services.http.rights import BURST, REQUESTS_PER_SECOND, ROLES, Role
from services.http.token_mac import COLUMNS, compute_mac, is_genuine
from services.http.token_store import MAX_TOKENS, REAL_ROLES, digest
from services.postgres.database import Connection, Pool
from services.postgres.times import clamp_time
from services.sealing.key_ring import RING

PREFIX = "pk_"
"""Prefix by which scanners for leaked secrets recognise a token; 43 characters of base64url follow.
"""
RANDOM_BYTES = 32
MOST_PER_SECOND, LARGEST_BURST = 1000, 10_000
"""More than a gateway answers; the table has the same limits."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
CONFIDENTIAL_ALONE = "--confidential: goes with --all-departments; name each with --department"
UNCONFIRMED = "is refused, because no command of this installation made it as it is"
BENT = "was changed by hand, or was revoked before: revoke it, and make a new one"
BEYOND = "nobody gives a token more departments than they have; you do not have"
T = TypeVar("T")


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token that is to be made."""

    name: str
    tenant: str
    roles: Sequence[Role]
    departments: Sequence[str] = ()
    all_departments: bool = False
    confidential: bool = False
    destinations: Sequence[str] = ()
    people: bool = False
    test: bool = False
    per_second: int = REQUESTS_PER_SECOND
    burst: int = BURST
    expires_at: datetime | None = None
    note: str = ""


class TokenSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token in the list: everything but its hash."""

    name: str
    tenant: str
    roles: list[str]
    departments: list[str]
    all_departments: bool
    confidential: bool
    destinations: list[str]
    people: bool
    test: bool
    per_second: int
    burst: int
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    note: str
    is_confirmed: bool
    """False for one that an earlier version made, or a hand, or that the archive does not know as
    it is: the services refuse it."""


def reach_of(fields: TokenRequest | TokenSummary) -> Reach:
    """Return the departments of a token."""
    return Reach(
        departments=frozenset(fields.departments),
        all_departments=fields.all_departments,
        confidential=fields.confidential,
    )


def request_faults(
    request: TokenRequest,
    config: Configuration,
    now: datetime,
    reserved: Collection[str] = (),
) -> list[str]:
    """Return the faults of a request; `reserved` are names of tokens in the environment. Pure."""
    faults = []
    if not NAME.fullmatch(request.name):
        faults.append(f"{request.name!r} is no name: small letters, digits and hyphens, at most 63")
    if request.name in reserved:
        faults.append(
            f"{request.name} is a token's name in the environment: this token would not work"
        )
    if request.tenant not in (tenants := [t.id for t in config.tenants]):
        faults.append(f"--tenant: there is no {request.tenant!r}; there is {', '.join(tenants)}")
        return faults
    faults += reach_faults(reach_of(request), request.tenant, config)
    faults += destination_faults(request, config)
    if request.test and (real := sorted(REAL_ROLES & {*request.roles})):
        faults.append(f"--test: no role {', '.join(real)}: what it does is for every citizen")
    if request.expires_at and request.expires_at <= now:
        faults.append("--until: that is not in the future")
    return faults


def reach_faults(reach: Reach, tenant: str, config: Configuration) -> list[str]:
    """Return the faults of the departments that a token shall have. Pure."""
    departments = [d.id for d in config.departments if d.tenant == tenant]
    listed = ", ".join(departments)
    faults = [
        f"--department: {tenant} has no {each!r}; it has {listed}"
        for each in sorted(reach.departments)
        if each not in departments
    ]
    if reach.is_unlimited:
        faults.append(f"--department or --all-departments: one is needed; {tenant} has {listed}")
    if reach.confidential and not reach.all_departments:
        faults.append(CONFIDENTIAL_ALONE)
    return faults


def destination_faults(request: TokenRequest, config: Configuration) -> Iterator[str]:
    """Yield the faults of the destinations of which a token shall be the owner. Pure."""
    reached = reached_departments(reach_of(request), config.ordinary_departments(request.tenant))
    own = [d.id for d in config.destinations if config.departments_of(request.tenant, d.id)]
    for id in sorted(set(request.destinations)):
        departments = [each.id for each in config.departments_of(request.tenant, id)]
        beyond = [each for each in departments if reached is not None and each not in reached]
        if id not in own:
            yield f"--destination: there is no {id!r}; there is {', '.join(own) or 'none'}"
        elif beyond:
            yield (
                f"--destination: events of {', '.join(beyond)} go to {id} too, so its owner needs"
                " --department for each (--all-departments --confidential for all)"
            )


def environment_names(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the names of tokens in the environment, which take precedence over the table.

    None if a setting is missing or wrong: a service reports that when it starts.
    """
    try:
        given = settings.load(settings.TokenSettings, environ)
    except settings.SettingsError:
        return frozenset()
    tokens = (*given.api_tokens, *given.test_tokens)
    return frozenset(parse_label(label).name for label, _ in tokens)


def make_token(random: bytes) -> str:
    """Return a token made from RANDOM_BYTES random bytes. Pure."""
    return PREFIX + base64.urlsafe_b64encode(random).decode().rstrip("=")


async def add_token(connection: Connection, request: TokenRequest) -> str:
    """Store the hash of a new token and return the token, which cannot be retrieved again."""
    token = make_token(secrets.token_bytes(RANDOM_BYTES))
    if await connection.fetchval(_VALID) >= MAX_TOKENS:
        raise CommandRefused(f"there are {MAX_TOKENS} valid tokens already; revoke one first")
    fields = msgspec.structs.astuple(_sort_lists(request))
    if await connection.fetchval(_ADD, digest(token), *fields) is None:
        raise CommandRefused(
            f"{request.name} is or was a token's name: messages go by it, take another"
        )
    await _authenticate(connection, request.name)
    return token


async def list_tokens(pool: Pool) -> list[TokenSummary]:
    """Return all tokens, also revoked and expired ones; to a person's token those of its
    municipality. Without POSTKAMER_WORKING_KEY only those without a keyed hash are known to be
    refused."""
    has_keys = settings.read("POSTKAMER_WORKING_KEY", os.environ) is not None
    if has_keys:
        await load_working_keys(pool)
    rows = await pool.fetch(_LIST, await narrow_tenant(pool, None))
    return [_summary(row, has_keys=has_keys) for row in rows]


def _summary(row: Any, *, has_keys: bool) -> TokenSummary:
    is_own = is_genuine(row, RING) if has_keys else row["mac"] is not None
    is_confirmed = is_own and row["refused"] is None
    names = (name for name in TokenSummary.__struct_fields__ if name != "is_confirmed")
    return TokenSummary(**{name: row[name] for name in names}, is_confirmed=is_confirmed)


async def revoke_token(connection: Connection, name: str) -> tuple[datetime, Operation | None]:
    """Revoke a token and return the time of its first revocation."""
    row = await _find_row(connection, name)
    if row["revoked_at"]:
        return row["revoked_at"], None
    at: datetime = await connection.fetchval(_REVOKE, name)
    return at, Operation(what="token revoke", tenant=row["tenant"], about=name)


async def narrow_token(
    connection: Connection, name: str, reach: Reach, config: Configuration
) -> Operation | None:
    """Give a token fewer departments; None if it had exactly these."""
    row = await _find_valid_row(connection, name)
    if not is_genuine(row, RING):
        raise CommandRefused(f"{name} {UNCONFIRMED}")
    tenant, given = row["tenant"], reach_of(_request_of(row))
    if faults := reach_faults(reach, tenant, config):
        raise CommandMisused("\n".join(faults))
    if is_wider(reach, given, config.ordinary_departments(tenant)):
        raise CommandRefused(f"{name} has not all of that: make a new token for more")
    if reach == given:
        return None
    data = {"before": _reach_data(given), "after": _reach_data(reach)}
    await connection.execute(_NARROW, name, *data["after"].values())
    await _authenticate(connection, name)
    return Operation(what="token narrow", tenant=tenant, about=name, data=data)


async def confirm_token(
    connection: Connection, name: str, config: Configuration
) -> tuple[TokenRequest, Operation | None]:
    """Let a token count that an earlier version made, or of which the making is not on the record,
    with the rights that its row has; no operation if it counts already. CommandRefused for one that
    counted and was changed since, or was revoked, and beyond the person's reach."""
    row = await _find_valid_row(connection, name)
    request = _request_of(row)
    await require_reach_of_token(connection, request, config)
    is_own = is_genuine(row, RING)
    if is_own and row["refused"] is None:
        return request, None
    if row["refused"] in ("altered", "revoked") or not (is_own or row["mac"] is None):
        raise CommandRefused(f"{name} {BENT}")
    await _authenticate(connection, name)
    operation = addition(request, row["hash"])
    return request, msgspec.structs.replace(operation, what="token confirm")


async def _find_row(connection: Connection, name: str) -> dict[str, Any]:
    row, reach = await connection.fetchrow(_OF_NAME, name), await find_reach(connection)
    if row is None or (reach and not reach.has_town(row["tenant"])):
        raise CommandRefused(f"there is no token {name!r}")
    return dict(row)


async def require_reach_of_token(
    connection: Connection, request: TokenRequest, config: Configuration
) -> None:
    """Refuse a token that reaches a department which the person's own token does not."""
    reach = await find_reach(connection)
    if reach is None or reach.departments is None or reach.has_all:
        return
    reached = reached_departments(reach_of(request), config.ordinary_departments(request.tenant))
    beyond = ["all"] if reached is None else sorted(reached - reach.departments)
    if beyond:
        raise CommandRefused(f"{BEYOND}: {', '.join(beyond)}")


async def _find_valid_row(connection: Connection, name: str) -> dict[str, Any]:
    row = await _find_row(connection, name)
    if row["revoked_at"]:
        raise CommandRefused(f"{name} is revoked")
    return row


def _request_of(row: Mapping[str, Any]) -> TokenRequest:
    return TokenRequest(**{name: row[name] for name in TokenRequest.__struct_fields__})


async def _authenticate(connection: "Connection | Pool", name: str) -> None:
    """Give a row the keyed hash of what it says, so that the services believe it."""
    row = dict(await connection.fetchrow(_OF_NAME, name) or {})
    await connection.execute(_SET_MAC, name, compute_mac(row, RING))


def _reach_data(reach: Reach) -> dict[str, Any]:
    return {
        "departments": sorted(reach.departments),
        "allDepartments": reach.all_departments,
        "confidential": reach.confidential,
    }


def addition(request: TokenRequest, hash: bytes) -> Operation:
    """Return the audit entry of a new token: its rights, when it expires, and its hash, so that
    another token cannot take its place."""
    data = msgspec.to_builtins(_sort_lists(request)) | {"hash": hash.hex()}
    for name in ("name", "tenant", "note"):
        del data[name]
    return Operation(what="token add", tenant=request.tenant, about=request.name, data=data)


def _sort_lists(request: TokenRequest) -> TokenRequest:
    """Return the request with each role, department and destination once."""
    names = ("roles", "departments", "destinations")
    lists = {name: sorted(set(getattr(request, name))) for name in names}
    return msgspec.structs.replace(request, **lists)


_VALID = """
select count(*) from access.token
where revoked_at is null and (expires_at is null or expires_at > now())
"""

_ADD = """
insert into access.token (hash, name, tenant, roles, departments, all_departments, confidential,
    destinations, people, test, per_second, burst, expires_at, note)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (name) do nothing returning name
"""

_REFUSED = "(select why from access.refused_token r where r.name = token.name) as refused"
_REVOKED_AT = f"{clamp_time('revoked_at')} as revoked_at"
_CREATED_AT = f"{clamp_time('created_at')} as created_at"
_LIST = f"""
select {COLUMNS}, {_CREATED_AT}, {_REVOKED_AT}, note, {_REFUSED} from access.token
where $1 in ('', tenant) order by tenant, name
"""

_OF_NAME = f"""
select {COLUMNS}, note, {_REVOKED_AT}, {_REFUSED} from access.token where name = $1 for update
"""
_SET_MAC = "update access.token set mac = $2 where name = $1"
_NARROW = """
update access.token set departments = $2, all_departments = $3, confidential = $4 where name = $1
"""
_REVOKE = "update access.token set revoked_at = now() where name = $1 returning revoked_at"


def with_reach(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say for which departments a token is."""
    for option in (
        click.option(
            "--confidential", is_flag=True, help="With --all-departments: confidential ones too."
        ),
        click.option(
            "--all-departments", is_flag=True, help="All but confidential ones, future ones too."
        ),
        click.option("--department", "departments", multiple=True, help="Its id; may be repeated."),
    ):
        command = option(command)
    return command


@click.group("token")
def group() -> None:
    """Tokens for the APIs.

    Needs POSTKAMER_DATABASE_URL, as its owner, and POSTKAMER_WORKING_KEY but for `list` and
    `revoke`.
    """


@group.command("add")
@click.argument("name")
@click.option("--tenant", required=True, help="The municipality that it is for.")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES))
@with_reach
@click.option(
    "--destination",
    "destinations",
    multiple=True,
    help="A destination that it owns; may be repeated.",
)
@click.option("--people", is_flag=True, help="People use it, so a message must name its author.")
@renamed_option(
    "--until", "expires_at", former="--expires", type=Time(), help="Left out: it does not expire."
)
@click.option("--test", is_flag=True, help="For tests: nothing that it sends reaches Meta.")
@click.option("--per-second", default=REQUESTS_PER_SECOND, type=click.IntRange(1, MOST_PER_SECOND))
@click.option("--burst", default=BURST, type=click.IntRange(1, LARGEST_BURST))
@click.option("--note", default="", help="A note for readers of the list.")
@config_option
@json_option
def add_command(path: Path | None, as_json: bool, **fields: Any) -> None:
    """Make the token NAME and print it. It is shown only once."""

    async def work(connection: Connection) -> tuple[str, Operation]:
        await load_working_keys(connection)
        await require_reach_of_token(connection, request, config)
        token = await add_token(connection, request)
        return token, addition(request, digest(token))

    request, config = TokenRequest(**fields), load_config(path)
    names = environment_names(os.environ)
    if faults := request_faults(request, config, clock.now(), names):
        fail("\n".join(faults), 2)
    token = run_audited("token", work)
    print_result({"name": request.name, "token": token}, [token], as_json=as_json)


@group.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Show all tokens, also revoked and expired ones."""
    tokens = with_database("token", list_tokens)
    print_result(tokens, map(_line, tokens), as_json=as_json, empty="there is no token")


def describe_reach(reach: Reach) -> str:
    """Return the departments of a token in words. Pure."""
    if reach.is_unlimited:
        return "all departments and the confidential ones, because it names none"
    every = "all departments" + (" and the confidential ones" if reach.confidential else "")
    return ", ".join(([every] if reach.all_departments else []) + sorted(reach.departments))


def _line(token: TokenSummary) -> str:
    parts = [
        ", ".join(token.roles),
        describe_reach(reach_of(token)),
        f"owner of {', '.join(token.destinations)}" if token.destinations else "",
        f"{token.per_second}/s, {token.burst} at once",
        "people" if token.people else "",
        "for tests" if token.test else "",
        f"until {token.expires_at:%Y-%m-%d %H:%M}Z" if token.expires_at else "",
        f"revoked {token.revoked_at:%Y-%m-%d %H:%M}Z" if token.revoked_at else "",
        "" if token.is_confirmed or token.revoked_at else UNCONFIRMED,
        token.note,
    ]
    return f"{token.name} of {token.tenant}: {'; '.join(filter(None, parts))}"


@group.command("narrow")
@click.argument("name")
@with_reach
@config_option
@json_option
def narrow_command(
    name: str,
    departments: Sequence[str],
    path: Path | None,
    *,
    all_departments: bool,
    confidential: bool,
    as_json: bool,
) -> None:
    """Let the token NAME reach these departments only, within seconds.

    It keeps its roles, and can never get more than it had.
    """
    reach = Reach(
        departments=frozenset(departments),
        all_departments=all_departments,
        confidential=confidential,
    )
    if reach.is_unlimited:
        fail("--department or --all-departments: one is needed", 2)
    if confidential and not all_departments:
        fail(CONFIDENTIAL_ALONE, 2)
    config = load_config(path)

    async def work(connection: Connection) -> tuple[None, Operation | None]:
        await load_working_keys(connection)
        return None, await narrow_token(connection, name, reach, config)

    run_audited("token", work)
    result = {"name": name} | _reach_data(reach)
    print_result(result, [f"{name} reaches {describe_reach(reach)}"], as_json=as_json)


@group.command("confirm")
@click.argument("name")
@config_option
@json_option
def confirm_command(name: str, path: Path | None, as_json: bool) -> None:
    """Let the token NAME count, which an earlier version made.

    The services refuse a token of which the table alone says what it may, or of which the making is
    not on the record. Look at its rights in `postkamer token list` first: if nobody remembers it,
    somebody made it by hand.
    """
    config = load_config(path)

    async def work(connection: Connection) -> tuple[TokenRequest, Operation | None]:
        await load_working_keys(connection)
        return await confirm_token(connection, name, config)

    request = run_audited("token", work)
    line = f"{name} of {request.tenant} counts: {describe_reach(reach_of(request))}"
    print_result({"name": name, "isConfirmed": True}, [line], as_json=as_json)


@group.command("revoke")
@click.argument("name")
@json_option
def revoke_command(name: str, as_json: bool) -> None:
    """Revoke the token NAME, within seconds and for ever.

    `postkamer archive exposure` shows whose data it saw.
    """
    at = run_audited("token", lambda connection: revoke_token(connection, name))
    words = f"{name} is revoked since {at:%Y-%m-%d %H:%M:%S}Z"
    saw = f"Whose data it saw: postkamer archive exposure --token {name} --since TIME --until TIME"
    print_result({"name": name, "revokedAt": at}, [words, saw], as_json=as_json)
