"""Find doubtful parts of a valid configuration: sentences that a person has to judge. Pure."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from cli.check import shadowed, unreachable, unsatisfiable
from router.ruleset.validation import Fault, rules_for
from services.calendar import opening_hours
from services.calendar.opening_hours import AMSTERDAM, Closing
from services.config.loader import LoadedConfig
from services.config.model import Configuration, locate_error
from services.config.organisation import Department, Destination
from services.config.pricing import CATEGORIES, find_rate, month_of
from services.toml.errors import ConfigFault

API_ROOTS = (
    ("url", "/klantinteracties/api/v1"),
    ("cases_url", "/zaken/api/v1"),
    ("objects_url", "/api/v2"),
)
"""Address of an Open Klant's destination, and the end of its path."""
SIGNALEN_ROOT = "/signals/v1"
"""End of the path of a Signalen: all of its API is below it."""
CONVERSATION = "{conversation}"
"""Placeholder in a destination's link for the id of the conversation."""
MOVED = (
    "number {}: it moved; without a portfolio for each of its registrations nobody can tell a"
    " citizen's new BSUID from a telephone number handed out again"
)
ON_TRIAL = (
    "number {0}: begins on trial and sends only to its guest list, until"
    " `postkamer number live {0}`"
)
UNNAMED = (
    "tenant {}: {} name no portfolio while others do, so nobody can tell whether a citizen's BSUID"
    " of the one holds at the other"
)


LOCKED_IN = (
    "second_person: without [[identity_providers]] nothing but a database login of their own proves"
    " a person, so no later version counts until two have one"
)


def find_warnings(loaded: LoadedConfig, now: datetime) -> list[ConfigFault]:
    """Return the warnings by file and line. Opening hours and closings before `now` are over."""
    config = loaded.config
    warnings = [*shadowed.find_warnings(config), *unsatisfiable.find_warnings(config, now)]
    warnings += [each for check in CHECKS for each in check(config)]
    warnings += [*_never_open(config, now), *_past(config, now), *_budgets(config, now)]
    texts = unreachable.unused_texts(config, loaded.texts) if config.texts else ()
    return sorted([*(locate_error(loaded.sources, *each) for each in warnings), *texts])


def format_warning(warning: ConfigFault) -> str:
    """Return file, line and sentence. The sentence names its subject."""
    return f"{warning.path}:{warning.line}: {warning.what}"


def _never_open(config: Configuration, now: datetime) -> Iterator[Fault]:
    hours = config.opening_hours()
    for n, d in enumerate(config.departments):
        if opening_hours.never_opens(hours[d.tenant, d.id], now):
            yield ("departments", n, "hours"), f"department {d.id} of {d.tenant} never opens again"


def _past(config: Configuration, now: datetime) -> Iterator[Fault]:
    """Warn if all closings are over, so the list is not kept up to date. A past closing is harmless
    if there are later ones."""
    last = max((c.last or c.first for c in config.closings), default=None)
    if last and last < now.astimezone(AMSTERDAM).date():
        yield ("closings", 0), f"all closings are over, the last one was on {last}"


def _overruled(config: Configuration) -> Iterator[Fault]:
    """Warn about a closing if a later one overrules it for all its days and departments. A later
    closing for some of them is an exception."""
    for n, closing in enumerate(config.closings):
        later = config.closings[n + 1 :]
        if any(each.hours != closing.hours and _covers(each, closing) for each in later):
            sentence = f"closing of {closing.first} never counts: a later one of the same"
            yield ("closings", n), f"{sentence} {'days' if closing.last else 'day'} says otherwise"


def _covers(later: Closing, closing: Closing) -> bool:
    return (
        later.first <= closing.first
        and (closing.last or closing.first) <= (later.last or later.first)
        and later.tenant in ("", closing.tenant)
        and (not later.departments or _is_part_of(closing.departments, later.departments))
    )


def _is_part_of(departments: Sequence[str], others: Sequence[str]) -> bool:
    """Return True if `others` has these departments; none means all departments."""
    return bool(departments) and {*departments} <= {*others}


def _closings(config: Configuration) -> Iterator[Fault]:
    ids = {name for each in config.tenants for name in config.own_departments(each.id)}
    for n, closing in enumerate(config.closings):
        for id in closing.departments:
            if id not in ids:
                where = ("closings", n, "departments")
                yield where, f"closing of {closing.first}: there is no department {id!r}"


def _care(config: Configuration) -> Iterator[Fault]:
    for n, tenant in enumerate(config.tenants):
        rules = [where for where, _ in rules_for(config, tenant.id) if where[0] == "care"]
        if rules and not tenant.care.destinations:
            yield ("tenants", n), f"tenant {tenant.id}: its care rules wake nobody"


def _confidential(config: Configuration) -> Iterator[Fault]:
    for n, d in enumerate(config.departments):
        if d.confidential and not d.public_name:
            subject = f"department {d.id} of {d.tenant}"
            yield ("departments", n), f"{subject}: confidential, and citizens are told its name"


def _moved_numbers(config: Configuration) -> Iterator[Fault]:
    for n, number in enumerate(config.numbers):
        if number.previous and not all(r.portfolio for r in number.registrations):
            yield ("numbers", n), MOVED.format(number.id)


def _trials(config: Configuration) -> Iterator[Fault]:
    for n, number in enumerate(config.numbers):
        if number.trial:
            yield ("numbers", n, "trial"), ON_TRIAL.format(number.id)


def _budgets(config: Configuration, now: datetime) -> Iterator[Fault]:
    if find_rate(config.rates, month_of(now)):
        return
    first = min((rate.first for rate in config.rates), default=None)
    reason = f"as no [[rates]] hold before {first}," if first else "without [[rates]]"
    for n, tenant in enumerate(config.tenants):
        if tenant.budget is not None:
            where = ("tenants", n, "budget")
            yield where, f"tenant {tenant.id}: {reason} nobody can tell what it spends"


def _categories(config: Configuration) -> Iterator[Fault]:
    """Warn about unknown categories: messages of another category are not counted, so no budget
    would raise an alarm."""
    for n, rate in enumerate(config.rates):
        for category in rate.amounts:
            if category not in CATEGORIES:
                where = ("rates", n, "amounts", category)
                known = ", ".join(sorted(CATEGORIES))
                yield where, f"{category!r} is no category of Meta's that we know: {known}"


def _unnamed_portfolios(config: Configuration) -> Iterator[Fault]:
    for n, tenant in enumerate(config.tenants):
        numbers = [number for number in config.numbers if number.tenant == tenant.id]
        unnamed = [number.id for number in numbers if not number.portfolio]
        if unnamed and len(unnamed) < len(numbers):
            yield ("tenants", n), UNNAMED.format(tenant.id, ", ".join(unnamed))


def _unencrypted(config: Configuration) -> Iterator[Fault]:
    for n, destination in enumerate(config.destinations):
        where, subject = ("destinations", n), f"destination {destination.id}"
        for field in ("url", "objects_url"):  # with a cases_url no request is made
            if _is_remote_http(getattr(destination, field, "")):
                yield (*where, field), f"{subject}: its {field} is not https"
        oauth = getattr(destination, "oauth", None)
        if oauth and _is_remote_http(oauth.token_url):
            yield (*where, "oauth", "token_url"), f"{subject}: its token_url is not https"


def _stand_ins(config: Configuration) -> Iterator[Fault]:
    """Warn in production about a provider like that of the sandbox, where anyone logs in as anyone.
    OpenID Connect asks for https in the issuer of each real one."""
    if config.environment != "production":
        return
    for n, provider in enumerate(config.identity_providers):
        if not provider.issuer.startswith("https://"):
            where = ("identity_providers", n, "issuer")
            subject = f"identity provider {provider.id}"
            yield where, f"{subject}: its issuer is not https; the sandbox's proves nobody"


def _second_persons(config: Configuration) -> Iterator[Fault]:
    """Warn where a version can be put in force that hardly any other can follow."""
    if config.second_person and not config.identity_providers:
        yield ("second_person",), LOCKED_IN


def _open_klants(config: Configuration) -> Iterator[Fault]:
    for n, d in enumerate(config.destinations):
        if d.kind != "openklant":
            continue
        where, subject = ("destinations", n), f"destination {d.id}"
        for field, end in API_ROOTS:
            address = getattr(d, field)
            if address and not _is_api_root(address, end):
                yield (*where, field), f"{subject}: its {field} does not end in {end}"
        if d.link and CONVERSATION not in d.link:
            yield (*where, "link"), f"{subject}: its link leads to no {CONVERSATION}"
        if d.answer_channel and (names := _confidential_departments(config, d)):
            readable = f"registered answers of {', '.join(names)} can be read in Open Klant"
            yield (*where, "answer_channel"), f"{subject}: although confidential, {readable}"


def _signalens(config: Configuration) -> Iterator[Fault]:
    for n, d in enumerate(config.destinations):
        if d.kind != "signalen":
            continue
        where, subject = ("destinations", n), f"destination {d.id}"
        if not _is_api_root(d.url, SIGNALEN_ROOT):
            yield (*where, "url"), f"{subject}: its url does not end in {SIGNALEN_ROOT}"
        if d.link and CONVERSATION not in d.link:
            yield (*where, "link"), f"{subject}: its link leads to no {CONVERSATION}"


def _is_api_root(address: str, end: str) -> bool:
    url = urlsplit(address)
    return url.path.rstrip("/").endswith(end) and not url.query and not url.fragment


def _confidential_departments(config: Configuration, destination: Destination) -> list[str]:
    """Return the ids of the departments whose texts this destination does not get."""
    return [
        department.id
        for department in config.departments
        if department.destination == destination.id
        and (department.confidential or destination.confidential)
    ]


def _shared_actors(config: Configuration) -> Iterator[Fault]:
    """Warn about departments that are the same actor in an Open Klant: what is forwarded there to
    the one may be meant for the other."""
    registries = {d.id: d.url.rstrip("/") for d in config.destinations if d.kind == "openklant"}
    owners: dict[tuple[str, str, str], Department] = {}
    for n, d in enumerate(config.departments):
        if not (registry := registries.get(d.destination)):
            continue
        first = owners.setdefault((registry, d.register_kind, d.register_id or d.id), d)
        if first is not d:
            same = f"department {d.id} of {d.tenant}: has the register_id and register_kind"
            other = f"{first.id} of {first.tenant}, so in Open Klant and ITA they are one"
            yield ("departments", n), f"{same} of department {other}"


def _is_remote_http(address: str) -> bool:
    url = urlsplit(address)
    return url.scheme == "http" and url.hostname not in ("127.0.0.1", "localhost", "::1")


CHECKS: tuple[Callable[[Configuration], Iterator[Fault]], ...] = (
    unreachable.find_warnings,
    unreachable.unknown_automatic_texts,
    unreachable.unused_names,
    _closings,
    _overruled,
    _care,
    _confidential,
    _moved_numbers,
    _trials,
    _categories,
    _unnamed_portfolios,
    _unencrypted,
    _stand_ins,
    _second_persons,
    _open_klants,
    _signalens,
    _shared_actors,
)
