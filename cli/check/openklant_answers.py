"""Judgement of the answers of an Open Klant, and of the Objecten API beside it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from deliverer.crm.response_policy import PRIVATE_ADDRESS
from deliverer.destinations.openklant.version import RELEASES, describe_version, parse_version
from deliverer.transport.response import Response
from router.ruleset.validation import Fault
from services.config.model import Configuration
from services.config.organisation import Department, OpenKlantDestination
from services.toml.errors import Location

OPEN_KLANT, OBJECTS_API = "Open Klant", "the Objecten API"
HINTS = {
    400: "it may not know the host name of this address (ALLOWED_HOSTS)",
    401: "it does not know this token",
    403: "this token may not read there",
    404: "this address has no such path",
}
"""Status -> its usual cause."""
OLDEST, *_, NEWEST = RELEASES.values()


class Unit(msgspec.Struct):
    """Department or group in the Objecten API; the fields that ITA uses."""

    naam: str | None = None
    email: str | None = None


class Record(msgspec.Struct):
    data: Unit


class StoredUnit(msgspec.Struct):
    record: Record


class Units(msgspec.Struct):
    results: list[StoredUnit]


class Actor(msgspec.Struct):
    naam: str


class Actors(msgspec.Struct):
    results: list[Actor]


ANSWERS: Mapping[str, type[Actors | Units]] = {OPEN_KLANT: Actors, OBJECTS_API: Units}
"""Service -> form of its lists."""


class Answers(NamedTuple):
    """Answers about one destination; those about a department by its index, up to the first that
    cannot be used."""

    actors: Response
    """Open Klant's answer to a request for any actor."""
    own_actors: Mapping[int, Response]
    """Its answers to requests for the actor of a department."""
    units: Mapping[int, Response]
    """Answers of the Objecten API to requests for a department."""


class Judgement(NamedTuple):
    checked: list[str]
    faults: list[Fault]
    warnings: list[Fault]


def departments_at(config: Configuration, destination: str) -> dict[int, Department]:
    """Return the departments whose events go there, by their index in the configuration."""
    departments = enumerate(config.departments)
    return {m: each for m, each in departments if each.destination == destination}


def describe_failure(service: str, answer: Response) -> str:
    """Return the reason why this is no list of that service; '' if it is one."""
    if answer.failure == "inside":
        return PRIVATE_ADDRESS.format("destination")
    if answer.failure:
        return f"{service} gave no answer: {answer.failure}"
    if answer.status != 200:
        hint = HINTS.get(answer.status)
        return f"{service} answered {answer.status}" + (f": {hint}" if hint else "")
    try:
        msgspec.json.decode(answer.body, type=ANSWERS[service])
    except msgspec.DecodeError:
        return f"the answer is not one of {service}"
    return ""


def judge(
    n: int,
    destination: OpenKlantDestination,
    departments: Mapping[int, Department],
    answers: Answers,
) -> Judgement:
    """Judge the answers about a destination. `n` and the keys of the departments are their indexes
    in the configuration."""
    checked, faults, warnings = judge_open_klant(n, destination, answers.actors)
    for service, found in ((OPEN_KLANT, answers.own_actors), (OBJECTS_API, answers.units)):
        for m, answer in found.items():
            if failure := describe_failure(service, answer):
                sentence = f"destination {destination.id}: {failure}; departments were not compared"
                warnings.append((("destinations", n), sentence))
                continue
            department = departments[m]
            subject = f"department {department.id} of {department.tenant}"
            doubts = _describe_found(department, service, answer)
            warnings += [(("departments", m), f"{subject}: {doubt}") for doubt in doubts]
    return Judgement(checked, faults, warnings)


def judge_open_klant(n: int, destination: OpenKlantDestination, answer: Response) -> Judgement:
    """Judge the answer to a request for any actor."""
    where: Location = ("destinations", n, "url")
    if failure := describe_failure(OPEN_KLANT, answer):
        return Judgement([], [(where, failure)], [])
    version = parse_version(answer.api_version)
    release = describe_version(version)
    if version in RELEASES:
        return Judgement([f"{OPEN_KLANT} {release} ({destination.id})"], [], [])
    doubt = f"is {release}, newer or older than {OLDEST} to {NEWEST}"
    sentence = f"destination {destination.id}: the release of its {OPEN_KLANT} {doubt}"
    return Judgement([f"{OPEN_KLANT} ({destination.id})"], [], [(where, sentence)])


def _describe_found(department: Department, service: str, answer: Response) -> Iterator[str]:
    found = msgspec.json.decode(answer.body, type=ANSWERS[service])
    if isinstance(found, Actors):
        return describe_actor(department, [each.naam for each in found.results])
    return describe_unit(department, [each.record.data for each in found.results])


def describe_actor(department: Department, names: Sequence[str]) -> Iterator[str]:
    """Yield the reason why ITA shows a department no tasks, by the names of its actors in Open
    Klant. Without one, the deliverer creates it under the right name."""
    name = name_of(department)
    if names and names[0] != name:
        yield (
            f"its actor in Open Klant is called {names[0]!r}: rename that one to {name!r}, or ITA"
            " shows it no tasks"
        )


def describe_unit(department: Department, units: Sequence[Unit]) -> Iterator[str]:
    """Yield the reasons why ITA shows a department no tasks or mails no one. `units` are the
    objects with its identification in the Objecten API."""
    id = f"identificatie {(department.register_id or department.id)!r}"
    if not units:
        yield (
            f"the Objecten API shows no object with {id}: set register_id to the one there, or let"
            " the token of objects_secret read departments and groups"
        )
    elif len(units) > 1:
        yield f"the Objecten API has {len(units)} objects with {id}, so ITA mails no one: keep one"
    else:
        yield from _describe_only_unit(department, units[0])


def _describe_only_unit(department: Department, unit: Unit) -> Iterator[str]:
    if unit.naam != name_of(department):
        yield (
            f"its name in the Objecten API is {unit.naam!r}: set register_name to that, to the"
            " letter, or ITA shows it no tasks"
        )
    if not (unit.email or "").strip():
        yield "it has no email in the Objecten API, so ITA mails no one: enter one there"


def name_of(department: Department) -> str:
    """Return the name of a department in the municipality's register."""
    return department.register_name or department.name
