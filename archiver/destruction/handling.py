"""Handling of destruction lists: drawing them, their steps, and what is spared, for commands and
the API alike."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

import msgspec

from archiver.destruction.destruction_list import (
    SPARING_REASONS,
    DestructionList,
    Kind,
    ListRefused,
)
from archiver.destruction.list_store import ListRules, ListStore, Sparing
from archiver.subject_access.requests.request import Request
from services.calendar.opening_hours import day_of
from services.config.model import Configuration
from services.config.organisation import Retention
from services.retention.selection_list import RESULTS
from services.retention.term import Term

LONGEST_SPARED_DAYS = 3660
"""Most days for which a conversation is put off. A hold has no such end."""
MEMBERS = ("reason", "text", "until")
"""Codes of refusals that are faults of one member of an order."""
NOTHING_DUE = "nothing was due before that day, or all of it is held or on another list"
NOTHING_LEFT = "nothing of this person is left that is on no list"
NOT_ERASED = "an erasure is carried out once it was granted, wholly or in part"
ZERO_DAY_CODES = tuple(code for code, each in RESULTS.items() if each.term == Term())
"""Results of the selection list that are kept for no day."""
EMPTY = "nothing"
"""Code of the refusal to draw a list of nothing."""


async def draw_due(
    store: ListStore, rules: ListRules, tenant: str, by: str, up_to: date, now: datetime
) -> DestructionList:
    """Draw a list of all that was due before a day. Raises ListRefused."""
    found = await store.draw(tenant, by, up_to, rules, now)
    if found is None:
        raise ListRefused(NOTHING_DUE, EMPTY)
    return found


async def draw_erasure(
    store: ListStore, config: Configuration, request: Request, by: str, now: datetime
) -> DestructionList:
    """Draw a list of what is left of a person whose erasure was granted. Raises ListRefused."""
    if request.kind != "erasure" or request.decision not in ("granted", "partly"):
        raise ListRefused(NOT_ERASED, "not_granted")
    rules = rules_of(config, request.tenant, "request")
    found = await store.draw_request(request.id, by, rules, now)
    if found is None:
        raise ListRefused(NOTHING_LEFT, EMPTY)
    return found


async def spare(
    store: ListStore,
    found: DestructionList,
    conversations: Collection[str],
    sparing: Sparing,
    by: str,
    now: datetime,
) -> None:
    """Take conversations off a list, or put them off until a day. Raises ListRefused."""
    check_sparing(sparing, day_of(now))
    for each in conversations:
        await store.spare(found, each, sparing, by, now)


def check_sparing(sparing: Sparing, today: date) -> None:
    """Raise ListRefused if a sparing has no reason of the table, or a day that makes no sense.
    Pure."""
    if sparing.reason not in SPARING_REASONS:
        raise ListRefused(f"the reason is one of {', '.join(SPARING_REASONS)}", "reason")
    if sparing.reason == "other" and not sparing.text.strip():
        raise ListRefused("another reason needs its words", "text")
    if sparing.until is None:
        return
    if not today < sparing.until <= today + timedelta(days=LONGEST_SPARED_DAYS):
        raise ListRefused("the day is to come, and within ten years", "until")


def rules_of(config: Configuration, tenant: str, kind: Kind) -> ListRules:
    """Return the rules of a municipality for lists of a kind. Pure."""
    settings = config.tenant(tenant)
    retention = settings.retention if settings else Retention()
    days = retention.waiting_days if kind == "term" else retention.request_waiting_days
    return ListRules(is_joined=retention.joined_roles, waiting=timedelta(days=days))


def term_rules(config: Configuration, tenant: str) -> ListRules:
    """Return the rules for a list of what is due. Pure."""
    return rules_of(config, tenant, "term")


def zero_day_rules(config: Configuration, tenant: str) -> ListRules:
    """Return the rules for a list of results that are kept for no day after the closing: it waits
    as an erasure does, and a day at least. Pure."""
    rules = rules_of(config, tenant, "request")
    waiting = max(rules.waiting, timedelta(days=1))
    return msgspec.structs.replace(rules, waiting=waiting, codes=ZERO_DAY_CODES)
