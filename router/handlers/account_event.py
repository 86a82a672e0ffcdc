"""Meta's notices about accounts, numbers, templates and preferences. Pure, tables by field.

Every notice is archived. Some change what may be sent, some need a person's attention, and a word
that we do not know is reported once, so that a developer looks it up.
"""

import re
from collections.abc import Callable

from router.conversation import consent
from router.conversation.refusals import MARKETING, MARKETING_MESSAGES
from router.handlers.citizen_message import archive_only
from router.handlers.meta_vocabulary import ERRORS, FIELDS, KNOWN, NONE, OTHER, STATUSES, TYPES
from router.identity import resolver
from router.model.changes import Changes, Template
from router.model.consent import META, OptOut, Withdrawal
from router.model.decision import Archived, Decision
from router.model.needs import Needs, identity_hashes
from router.model.snapshot import Snapshot
from router.model.work import UNPROVEN, RoutingContext, WorkUnit
from router.output.archive_records import KindAndData, ended_consent_data
from services.whatsapp.identities import CONTACT, identities_in
from services.whatsapp.items import AnyItem, Identity, Message, Notice, Status, Unknown
from services.whatsapp.lenient_json import code, fields, objects, parse_timestamp, text

NoticeHandler = Callable[[WorkUnit, Notice, Snapshot, RoutingContext], Changes]

NAME = re.compile(r"(?!(?:\D*\d){5})[a-z0-9_]{1,64}")
"""Form of an unknown name of Meta's that is stored and logged. With more digits it could be a
telephone number."""
TEMPLATE_NAME, WORD = 512, 64
"""Maximum characters in a key: Meta's own limit for a template's name, and room for the rest. An
index refuses what is much longer."""
REASON = 500
"""Maximum characters; Meta's reasons are a word or a sentence."""
RATE_LIMITS = frozenset([4, 80007, 130429])
"""Meta's codes of rate limits. These pass without a person: the deliverer slows down."""
UTILITY = "UTILITY"
INFORMATIONAL = "INFORMATIONAL"


def needs(unit: WorkUnit, item: Notice, context: RoutingContext) -> Needs:
    """The citizen whose preference changed, with their consents."""
    holder = preference_holder(item)
    return Needs(
        numbers=(item.number,),
        identities=identity_hashes(item.number, holder, context),
        consents=bool(holder),
    )


def decide_account_event(
    unit: WorkUnit, item: Notice, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    handle = (NUMBER_HANDLERS if item.number else ACCOUNT_HANDLERS).get(item.field)
    changes = handle(unit, item, snapshot, context) if handle else Changes()
    ended = consent.find_ended_purposes(changes.withdrawals, snapshot)
    return archive_only(unit, item.number, context, ended=ended), changes


def record(unit: WorkUnit, notice: Notice, decision: Decision) -> KindAndData:
    ended = decision.ended if isinstance(decision, Archived) else ()
    return "notice", {"field": notice.field, "event": notice.event} | ended_consent_data(ended)


def _template_status(
    unit: WorkUnit, item: Notice, snapshot: Snapshot, context: RoutingContext
) -> Changes:
    return _template(
        unit,
        item,
        status=item.event,
        category=text(item.value.get("message_template_category")),
        reason=text(item.value.get("reason"))[:REASON],
    )


def _template_category(
    unit: WorkUnit, item: Notice, snapshot: Snapshot, context: RoutingContext
) -> Changes:
    return _template(unit, item, category=item.event)


def _template_change(
    unit: WorkUnit, item: Notice, snapshot: Snapshot, context: RoutingContext
) -> Changes:
    """Record that a template changed: the deliverer asks Meta how it is now."""
    return _template(unit, item)


def _template(unit: WorkUnit, item: Notice, **values: str) -> Changes:
    name = text(item.value.get("message_template_name"))
    language = text(item.value.get("message_template_language"))
    if not (name and item.waba) or len(name) > TEMPLATE_NAME or len(item.waba + language) > WORD:
        return Changes()
    at = resolver.written_at(unit, parse_timestamp(item.stamp))
    template = Template(
        waba=item.waba, name=name, language=language, changed_at=at, noticed_at=unit.at, **values
    )
    return Changes(template=template)


def preference_holder(item: Notice) -> tuple[Identity, ...]:
    """Return the identities of the citizen whose preference this is."""
    return tuple(identities_in(item.value, CONTACT)) if item.field == "user_preferences" else ()


def _preference(
    unit: WorkUnit, item: Notice, snapshot: Snapshot, context: RoutingContext
) -> Changes:
    """Record that a citizen stops or resumes some messages, even one who never wrote."""
    number = context.config.number(item.number)
    category = text(item.value.get("category")) or MARKETING_MESSAGES
    identities = preference_holder(item)
    is_known = item.event in KNOWN["user_preferences"]
    if number is None or not (identities and is_known) or len(category) > WORD:
        return Changes()
    at = resolver.written_at(unit, parse_timestamp(item.value.get("timestamp")))
    sender = resolver.SenderIdentities(identities, at)
    who = resolver.resolve_person(unit, number, sender, snapshot, context)
    choice = OptOut(
        tenant=number.tenant, person=who.person, category=category, value=item.event, at=at
    )
    withdrawal = Withdrawal(tenant=number.tenant, person=who.person, by=META, at=at)
    withdrawals = (withdrawal,) if item.event == "stop" else ()
    return Changes(identities=who.identities, opt_out=choice, withdrawals=withdrawals)


ACCOUNT_HANDLERS: dict[str, NoticeHandler] = {
    "message_template_components_update": _template_change,
    "message_template_quality_update": _template_change,
    "message_template_status_update": _template_status,
    "template_category_update": _template_category,
}
"""Field -> handler of a notice about an account. These do not run for a notice with a number: that
number is not from Meta but from the check of the origin, which does not vouch for the account."""
NUMBER_HANDLERS: dict[str, NoticeHandler] = {"user_preferences": _preference}
"""Field -> handler of a notice about a number, which changes nothing for other numbers."""


def _is_any(item: Notice) -> bool:
    return True


def _has_event(*events: str) -> Callable[[Notice], bool]:
    return lambda item: item.event in events


def _is_severe(item: Notice) -> bool:
    """True unless Meta says INFORMATIONAL: an alert without a severity may be severe."""
    return text(fields(item.value.get("alert_info")).get("alert_severity")) != INFORMATIONAL


def _becomes_marketing(item: Notice) -> bool:
    """A marketing template costs more, and needs consent."""
    previous = text(item.value.get("previous_category"))
    return item.event == MARKETING and previous in (UTILITY, "")


def _has_errors(item: Notice) -> bool:
    """True for errors of an account or an app, other than rate limits, which pass."""
    codes = [code(error.get("code")) for error in objects(item.value.get("errors"))]
    return item.event == ERRORS and any(each not in RATE_LIMITS for each in codes)


ALARMS: dict[str, Callable[[Notice], bool]] = {
    "account_alerts": _is_severe,
    "account_review_update": _has_event("REJECTED", "PENDING", "DEFERRED"),
    "account_update": _has_event(
        "ACCOUNT_DELETED",
        "ACCOUNT_OFFBOARDED",
        "ACCOUNT_RESTRICTION",
        "ACCOUNT_VIOLATION",
        "DISABLED_UPDATE",
        "PARTNER_REMOVED",
    ),
    "messages": _has_errors,
    "phone_number_name_update": _has_event("DEFERRED", "REJECTED"),
    "security": _is_any,
    "template_category_update": _becomes_marketing,
}
"""Field -> predicate for a notice that a person must see. Other fields are archived and counted."""


def needs_attention(item: Notice) -> bool:
    """True for a notice that a person must see."""
    predicate = ALARMS.get(item.field)
    return predicate is not None and predicate(item)


def event_label(item: Notice) -> str:
    """Return the event of a notice as a word of a closed vocabulary."""
    if not item.event:
        return NONE
    return item.event if item.event in KNOWN.get(item.field, ()) else OTHER


def unknown_vocabulary(item: AnyItem) -> tuple[str, str] | None:
    """Return kind and name of the word in an item that we do not know, if any."""
    match item:
        case Unknown(reason=reason) if reason == UNPROVEN:
            return None
        case Unknown(field=field) if field and field not in FIELDS:
            return "field", _safe_name(field)
        case Message(content=content) if content.type not in TYPES:
            return "type", _safe_name(content.type)
        case Status(status=status) if status not in STATUSES:
            return "status", _safe_name(status)
        case Notice() if event_label(item) == OTHER:
            return "event", _safe_name(f"{item.field}_{item.event}")
    return None


def _safe_name(name: str) -> str:
    lower = name.lower()
    return lower if NAME.fullmatch(lower) else OTHER
