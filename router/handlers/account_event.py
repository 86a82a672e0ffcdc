"""What Meta tells of accounts, numbers, templates and preferences: what is acted on. Pure, a table.

Everything is kept. Some of it changes what may be sent; some of it a person must see; and what we
do not know is told once, so that somebody looks what it is.
"""

import re
from collections.abc import Callable

import msgspec

from router.conversation import consent
from router.conversation.refusals import MARKETING, MARKETING_MESSAGES
from router.handlers.citizen_message import archive_only
from router.handlers.meta_vocabulary import ERRORS, FIELDS, KNOWN, NONE, OTHER, STATUSES, TYPES
from router.identity import resolver
from router.model.consent import META, OptOut, Withdrawal
from router.model.decision import UNPROVEN, Changes, Decision, RoutingContext, Template, WorkUnit
from router.model.needs import Needs, identity_hashes
from router.model.snapshot import Snapshot
from services.whatsapp.identities import CONTACT, identities_in
from services.whatsapp.items import AnyItem, Identity, Message, Notice, Status, Unknown
from services.whatsapp.lenient_json import code, fields, objects, parse_timestamp, text

Act = Callable[[WorkUnit, Notice, Snapshot, RoutingContext], Changes]

NAME = re.compile(r"(?!(?:\D*\d){5})[a-z0-9_]{1,64}")
"""What a name of Meta's may look like here: it stands in a table and in the log. With more digits
it could be somebody's telephone number."""
TEMPLATE_NAME, WORD = 512, 64
"""Characters of what stands in a key: Meta's own bound of a template's name, and room for the rest.
An index refuses what is much longer."""
REASON = 500
"""Characters; Meta's reasons are a word or a sentence."""
TOO_MUCH = frozenset([4, 80007, 130429])
"""Codes of limits that are reached and pass; whoever sends slows down."""
UTILITY = "UTILITY"
INFORMATIONAL = "INFORMATIONAL"


def needs(unit: WorkUnit, item: Notice, ground: RoutingContext) -> Needs:
    """The citizen whose preference changed, with their consents."""
    holder = preference_holder(item)
    return Needs(
        numbers=(item.number,),
        identities=identity_hashes(item.number, holder, ground),
        consents=bool(holder),
    )


def decide_account_event(
    unit: WorkUnit, item: Notice, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    act = (OF_NUMBER if item.number else OF_ACCOUNT).get(item.field)
    changes = act(unit, item, known, ground) if act else Changes()
    decision = archive_only(unit, "notice", item.number, ground)
    ended = consent.find_ended_purposes(changes.withdrawals, known)
    return msgspec.structs.replace(decision, ended=ended), changes


def _template_status(
    unit: WorkUnit, item: Notice, known: Snapshot, ground: RoutingContext
) -> Changes:
    return _template(
        unit,
        item,
        status=item.event,
        category=text(item.value.get("message_template_category")),
        reason=text(item.value.get("reason"))[:REASON],
    )


def _template_category(
    unit: WorkUnit, item: Notice, known: Snapshot, ground: RoutingContext
) -> Changes:
    return _template(unit, item, category=item.event)


def _template(unit: WorkUnit, item: Notice, **told: str) -> Changes:
    name = text(item.value.get("message_template_name"))
    language = text(item.value.get("message_template_language"))
    if not (name and item.waba) or len(name) > TEMPLATE_NAME or len(item.waba + language) > WORD:
        return Changes()
    at = resolver.written_at(unit, parse_timestamp(item.stamp))
    return Changes(
        template=Template(waba=item.waba, name=name, language=language, changed_at=at, **told)
    )


def preference_holder(item: Notice) -> tuple[Identity, ...]:
    """Whose preference it is."""
    return tuple(identities_in(item.value, CONTACT)) if item.field == "user_preferences" else ()


def _preference(unit: WorkUnit, item: Notice, known: Snapshot, ground: RoutingContext) -> Changes:
    """A citizen who wants some messages no more, or again. One who never wrote is a person too."""
    number = ground.config.number(item.number)
    category = text(item.value.get("category")) or MARKETING_MESSAGES
    whose = preference_holder(item)
    known_word = item.event in KNOWN["user_preferences"]
    if number is None or not (whose and known_word) or len(category) > WORD:
        return Changes()
    at = resolver.written_at(unit, parse_timestamp(item.value.get("timestamp")))
    who = resolver.resolve_person(unit, number, resolver.SenderIdentities(whose, at), known, ground)
    choice = OptOut(
        tenant=number.tenant, person=who.person, category=category, value=item.event, at=at
    )
    stopped = Withdrawal(tenant=number.tenant, person=who.person, by=META, at=at)
    withdrawals = (stopped,) if item.event == "stop" else ()
    return Changes(identities=who.identities, opt_out=choice, withdrawals=withdrawals)


OF_ACCOUNT: dict[str, Act] = {
    "message_template_status_update": _template_status,
    "template_category_update": _template_category,
}
"""Field -> what it changes, where Meta tells it of an account. A number in one is not Meta's doing:
it is what the proof was asked about, and says nothing of the account beside it."""
OF_NUMBER: dict[str, Act] = {"user_preferences": _preference}
"""Field -> what it changes at the number that it came for, and nowhere else."""


def _always(item: Notice) -> bool:
    return True


def _one_of(*events: str) -> Callable[[Notice], bool]:
    return lambda item: item.event in events


def _grave(item: Notice) -> bool:
    """Meta calls the others INFORMATIONAL; what it does not call anything may be grave."""
    return text(fields(item.value.get("alert_info")).get("alert_severity")) != INFORMATIONAL


def _dearer(item: Notice) -> bool:
    """Costs more, and asks for consent."""
    before = text(item.value.get("previous_category"))
    return item.event == MARKETING and before in (UTILITY, "")


def _trouble(item: Notice) -> bool:
    """Trouble of an account or an app that Meta tells where messages stand; too much at a time
    passes by itself."""
    told = [code(error.get("code")) for error in objects(item.value.get("errors"))]
    return item.event == ERRORS and any(one not in TOO_MUCH for one in told)


ALARMS: dict[str, Callable[[Notice], bool]] = {
    "account_alerts": _grave,
    "account_review_update": _one_of("REJECTED", "PENDING", "DEFERRED"),
    "account_update": _one_of(
        "ACCOUNT_DELETED",
        "ACCOUNT_OFFBOARDED",
        "ACCOUNT_RESTRICTION",
        "ACCOUNT_VIOLATION",
        "DISABLED_UPDATE",
        "PARTNER_REMOVED",
    ),
    "messages": _trouble,
    "phone_number_name_update": _one_of("DEFERRED", "REJECTED"),
    "security": _always,
    "template_category_update": _dearer,
}
"""Field -> whether a person must see it. What is not here is kept and counted."""


def alarms(item: Notice) -> bool:
    wanted = ALARMS.get(item.field)
    return wanted is not None and wanted(item)


def label(item: Notice) -> str:
    """The event in a closed vocabulary, whatever Meta wrote."""
    if not item.event:
        return NONE
    return item.event if item.event in KNOWN.get(item.field, ()) else OTHER


def unknown_vocabulary(item: AnyItem) -> tuple[str, str] | None:
    """Kind and name of what we do not know in it."""
    match item:
        case Unknown(reason=reason) if reason == UNPROVEN:
            return None
        case Unknown(field=field) if field and field not in FIELDS:
            return "field", _plain(field)
        case Message(content=content) if content.type not in TYPES:
            return "type", _plain(content.type)
        case Status(status=status) if status not in STATUSES:
            return "status", _plain(status)
        case Notice() if label(item) == OTHER:
            return "event", _plain(f"{item.field}_{item.event}")
    return None


def _plain(name: str) -> str:
    lower = name.lower()
    return lower if NAME.fullmatch(lower) else OTHER
