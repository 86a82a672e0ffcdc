"""The person who runs a command: proven by a token or by a login of the database, or stated."""

import asyncio
import getpass
import os
from collections.abc import Iterable, Mapping

import click
import msgspec

from cli.support.configuration import is_production, path_in_environment
from cli.support.installation import in_production
from cli.support.output import CommandRefused
from cli.support.reach import EVERY_TOWN, PersonReach, Subject, reach_of
from services import clock
from services.config import loader, settings
from services.contract import Identified
from services.http.key_sets import KeysUnavailable
from services.http.person_tokens import PersonTokens, TokenProof
from services.postgres.database import Connection, Pool
from services.roles import Role

OPERATOR = "POSTKAMER_OPERATOR"
TOKEN, REQUIRED = "POSTKAMER_PERSON_TOKEN", "POSTKAMER_REQUIRE_PROVEN"
LONGEST_NAME = 100
NAME = f"expected a name of 1 to {LONGEST_NAME} characters"
PERSONAL: dict[str, Role] = {
    "archive accept": "archivist",
    "archive annotate": "privacy",
    "archive aside again": "operator",
    "archive aside drop": "operator",
    "archive aside open": "operator",
    "archive disclosure approve": "records",
    "archive disclosure decide": "records",
    "archive disclosure draw": "records",
    "archive disclosure export": "records",
    "archive disclosure redact": "records",
    "archive disclosure refresh": "records",
    "archive disclosure return": "records",
    "archive disclosure review": "records",
    "archive disclosure show": "records",
    "archive export": "archivist",
    "archive exposure": "privacy",
    "archive handover again": "operator",
    "archive hold lift": "records",
    "archive hold place": "records",
    "archive hold review": "records",
    "archive hold show": "records",
    "archive list approve": "archivist",
    "archive list draw": "records",
    "archive list return": "archivist",
    "archive list review": "records",
    "archive list spare": "records",
    "archive list withdraw": "records",
    "archive processing": "privacy",
    "archive receipt": "archivist",
    "archive reindex": "operator",
    "archive replay": "operator",
    "archive request decide": "privacy",
    "archive request erase": "privacy",
    "archive request extend": "privacy",
    "archive request letter": "privacy",
    "archive request open": "privacy",
    "archive request show": "privacy",
    "archive rotate": "archivist",
    "archive search": "records",
    "archive subject": "privacy",
    "archive transcript": "records",
    "archive views": "privacy",
    "care confirm": "care",
    "destination pause": "operator",
    "destination resume": "operator",
    "files open": "operator",
    "files release": "operator",
    "guests add": "operator",
    "guests remove": "operator",
    "notice clear": "kcc",
    "notice set": "kcc",
    "number live": "operator",
    "number state": "kcc",
    "number trial": "operator",
    "parked drop": "operator",
    "parked replay": "operator",
    "parked show": "operator",
    "quarantine again": "operator",
    "quarantine drop": "operator",
    "quarantine show": "operator",
    "route replay": "rules",
    "rules approve": "rules",
    "rules rollback": "rules",
    "sends doubt": "operator",
    "sends settle": "kcc",
    "tenant export": "operator",
    "tenant forget": "operator",
    "tenant import": "operator",
    "tenant start": "operator",
    "tenant stop": "operator",
    "tenant export-open": "archivist",
    "token add": "operator",
    "token confirm": "operator",
    "token narrow": "operator",
    "token revoke": "operator",
    "trace": "operator",
}
"""Command that shows content, changes what holds, or destroys -> the role that a token of its
person needs. The rights of a login are those that the database gives it."""
BY_OPTION: dict[str, Role] = {"archive prove": "archivist", "balance": "operator"}
"""Command that needs a person for some of its options alone -> the role that their token needs."""
FOUND = "postkamer.person"
"""Key in the context of a command: its person, once proven."""
NO_PERSON = (
    f"nobody is proven: give a token of your identity provider in {TOKEN}_FILE, or use a login of"
    " the database that is yours (docs/operators/identity.md)"
)
NO_TOKEN = f"nobody is proven: give a token of your identity provider in {TOKEN}_FILE"
NO_CONFIG = f"{TOKEN}: needs POSTKAMER_CONFIG, which names the identity provider"
NOT_VALID = f"{TOKEN}: it is not valid, or not any more"
NOT_ALL = f"{TOKEN}: it does not reach every department, confidential ones too"
NO_KEYS = f"{TOKEN}: the identity provider gives no keys, so nobody can be proven now"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """The person who runs a command."""

    name: str
    identified: Identified
    proof: TokenProof | None = None
    """Issuer and key of the person's token, for the record; None without one."""
    reach: PersonReach | None = None
    """Reach of the person's token; None without one: the database says what a login reaches."""


def is_proof_required(environ: Mapping[str, str]) -> bool:
    """Return True if the settings say that a name is refused that is only stated."""
    options = settings.load(settings.PersonSettings, environ)
    return options.require_proven or is_production(options.config)


async def must_prove(connection: "Connection | Pool") -> bool:
    """Return True if a name is refused that is only stated: by the settings, or in production."""
    return is_proof_required(os.environ) or await in_production(connection)


def person_token(environ: Mapping[str, str]) -> str | None:
    """Return the token of the person, if one is given."""
    token = settings.load(settings.PersonSettings, environ).person_token
    return token.get_secret_value() if token else None


def running_command() -> str:
    """Return the words of the running command, such as `parked drop`; '' outside of any."""
    context, words = click.get_current_context(silent=True), list[str]()
    while context and context.parent:
        words.insert(0, context.info_name or "")
        context = context.parent
    return " ".join(words)


async def require_person(pool: Pool) -> None:
    """Refuse a command that needs a person before it sees or changes anything."""
    if running_command() in PERSONAL and (person_token(os.environ) or await must_prove(pool)):
        async with pool.acquire() as connection:
            await identify_person(connection)


def token_for_gateway(environ: Mapping[str, str]) -> str | None:
    """Return the token with which a command of a person calls the gateway; None to use that of the
    settings. The gateway knows no login of the database.

    Where proof is required it is verified here: the gateway takes API tokens too, which prove
    nobody.
    """
    token = person_token(environ)
    if running_command() in PERSONAL and is_proof_required(environ):
        if token is None:
            raise CommandRefused(NO_TOKEN)
        asyncio.run(_person_of_token(token))
    return token


async def identify_person(
    connection: Connection, by: str = "", tenant: str | None = None
) -> Person:
    """Return the person who runs the command. `by` is the name in an option, which a proven person
    may repeat. CommandRefused for another one, without a required proof, or for another
    municipality than that of the person's token; '' is what is of all or none of them."""
    proven = await _proven_person(connection)
    if proven is None:
        if await must_prove(connection):
            raise CommandRefused(NO_PERSON)
        return Person(name=by or operator(os.environ), identified="stated")
    if by not in ("", proven.name):
        raise CommandRefused(f"--by: you are {proven.name}, and act for nobody else")
    if tenant is not None:
        _require_town(proven.reach, tenant)
    return proven


def _require_town(reach: PersonReach | None, tenant: str) -> None:
    if reach and not reach.has_town(tenant):
        raise CommandRefused(f"{TOKEN}: it is of {reach.tenant}, not of {tenant or EVERY_TOWN}")


async def narrow_tenant(connection: "Connection | Pool", tenant: str | None) -> str:
    """Return the municipality that a command is limited to: that of its option, else that of the
    person's token if there are others; '' for all. CommandRefused for another than the token's."""
    reach = await find_reach(connection)
    if tenant:
        _require_town(reach, tenant)
    return tenant or ("" if reach is None or reach.is_only else reach.tenant)


async def require_town(connection: "Connection | Pool", tenant: str = "") -> None:
    """Refuse the token of another municipality; without one, of any if there are several."""
    _require_town(await find_reach(connection), tenant)


async def require_reach(
    connection: "Connection | Pool", subjects: Iterable[Subject], absent: str
) -> None:
    """Refuse with the words for what is absent, unless the person's token reaches all of these."""
    reach = await find_reach(connection)
    if reach and not all(map(reach.has, subjects)):
        raise CommandRefused(absent)


async def require_all_departments(connection: "Connection | Pool", tenant: str = "") -> None:
    """Refuse the token of a person who does not reach every department of a municipality: what is
    of no department yet, or a report that is only right as a whole, is of all of them."""
    whole = Subject(tenant or await narrow_tenant(connection, None), "")
    await require_reach(connection, [whole], NOT_ALL)


async def find_reach(connection: "Connection | Pool") -> PersonReach | None:
    """Return the reach of the person's token; None without one."""
    person = await _proven_person(connection)
    return person.reach if person else None


async def _proven_person(connection: "Connection | Pool") -> Person | None:
    context = click.get_current_context(silent=True)
    known = context.meta if context else {}
    if FOUND not in known:
        if token := person_token(os.environ):
            known[FOUND] = await _person_of_token(token)
        else:
            login = await connection.fetchval(_LOGIN)
            known[FOUND] = Person(name=login, identified="proven") if login else None
    person: Person | None = known[FOUND]
    return person


async def _person_of_token(token: str) -> Person:
    """Return the person of a token that has the role of the command; CommandRefused otherwise."""
    path = path_in_environment()
    if path is None:
        raise CommandRefused(NO_CONFIG)
    config = loader.load(path, patterns=False).config
    tokens = PersonTokens(config)
    try:
        rights = await tokens.find(token, clock.now())
    except KeysUnavailable:
        raise CommandRefused(NO_KEYS) from None
    if rights is None:
        raise CommandRefused(NOT_VALID)
    role = (PERSONAL | BY_OPTION).get(running_command())
    if role and not rights.may(role):
        raise CommandRefused(f"{TOKEN}: {rights.person} has not the role {role!r}")
    return Person(
        name=rights.person,
        identified="proven",
        proof=await tokens.find_proof(token),
        reach=reach_of(rights, config),
    )


_LOGIN = """
select session_user::pg_catalog.text where exists (
    select from pg_catalog.pg_auth_members m
    join pg_catalog.pg_roles login on login.oid operator(pg_catalog.=) m.member
    where m.roleid operator(pg_catalog.=) pg_catalog.to_regrole('postkamer_person')::pg_catalog.oid
        and login.rolname operator(pg_catalog.=) session_user)
"""
"""The login if it is one person's. Membership alone counts: a superuser has every role's rights.
Each name says its schema: whoever may make tables could put others of that name before these."""


def operator(environ: Mapping[str, str]) -> str:
    """Return the name of the operator from POSTKAMER_OPERATOR, else of the user of this machine."""
    name = (environ.get(OPERATOR) or _user_of_machine()).strip()
    if not is_line(name, LONGEST_NAME):
        raise CommandRefused(f"{OPERATOR}: {NAME}")
    return name


def stated_operator() -> str | None:
    """Return POSTKAMER_OPERATOR as the default of --by; None beside a token, which names the
    person."""
    has_token = any(os.environ.get(name) for name in (TOKEN, f"{TOKEN}_FILE"))
    return None if has_token else os.environ.get(OPERATOR)


def is_line(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and text.isprintable()


def _user_of_machine() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a user may have a number and no name
        return f"uid {os.getuid()}"
