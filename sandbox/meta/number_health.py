"""State that Meta gives to a number, its account and the access token, and how to change it."""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from sandbox.organisation import Number
from services.whatsapp.account_events import NOTICES

APP = "634000000000002"
"""Id of the Meta app to which the access token belongs."""
PORTFOLIO = "500000000000003"
ALL_FIELDS = ("messages", *NOTICES)
SCOPES = ("whatsapp_business_management", "whatsapp_business_messaging")
FIRST_WITH_LIMIT_FIELD = 24
"""Graph version that calls the limit `whatsapp_business_manager_messaging_limit`."""

BLOCKED, LIMITED, AVAILABLE = "BLOCKED", "LIMITED", "AVAILABLE"
CAUSES: dict[int, tuple[str, str, str]] = {
    141006: ("WABA", BLOCKED, "There is an error with the payment method."),
    141010: ("BUSINESS", LIMITED, "The Business has not passed business verification."),
    141014: ("WABA", BLOCKED, "The WABA is banned."),
    138024: ("PHONE_NUMBER", LIMITED, "SIP is not enabled."),
}
"""Code of `health_status` -> the part that has it, its consequence and Meta's text."""


class NumberHealth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of POST /phone/numbers/{id}/_health; members that are left out become well."""

    subscribed: bool = True
    """False if no app receives the webhooks of the account."""
    fields: tuple[str, ...] = ALL_FIELDS
    """Fields of the webhook to which the app is subscribed."""
    quality: str = "GREEN"
    name: str = "APPROVED"
    connection: str = "CONNECTED"
    limit: str = "TIER_2K"
    errors: tuple[int, ...] = ()
    """Codes of `health_status`, such as 141006: the payment method."""
    callback: str = ""
    """Address to which webhooks are said to go; '' for the gateway's."""
    direct_send: Literal["not_enabled", "enabled", "blocked"] = "not_enabled"
    """Direct Send of the account; at Meta a person lets it in."""


class TokenHealth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of POST /phone/token/_health; members that are left out become well."""

    revoked: bool = False
    days: int | None = None
    """Days that the token has left; None for ever."""
    scopes: tuple[str, ...] = SCOPES


class HealthOfAll:
    """Health of every number, and of the one token."""

    def __init__(self) -> None:
        self.token = TokenHealth()
        self._numbers: dict[str, NumberHealth] = {}

    def of(self, number: Number) -> NumberHealth:
        return self._numbers.get(number.id, NumberHealth())

    def change(self, number: Number, health: NumberHealth) -> None:
        self._numbers[number.id] = health


def describe_fields(number: Number, health: NumberHealth, version: str) -> dict[str, Any]:
    """Return all fields of a number that a Graph version knows."""
    major = int(version.removeprefix("v").partition(".")[0] or 0)
    limits = {"messaging_limit_tier": health.limit}
    if major >= FIRST_WITH_LIMIT_FIELD:
        limits["whatsapp_business_manager_messaging_limit"] = health.limit
    return limits | {
        "id": number.meta_id,
        "display_phone_number": f"+{number.phone}",
        "verified_name": "Gemeente",
        "quality_rating": health.quality,
        "code_verification_status": "VERIFIED",
        "name_status": health.name,
        "status": health.connection,
        "health_status": describe_status(number, health),
    }


DIRECT_SEND_FAULTS = {
    "not_enabled": (100, "Direct Send isn't enabled for this account."),
    "blocked": (139200, ""),
}
"""State of Direct Send -> code and details with which Meta refuses it."""
DEFAULT_FIELDS = ("id", "display_phone_number", "verified_name", "quality_rating")


def describe_status(number: Number, health: NumberHealth) -> dict[str, Any]:
    """Return `health_status` of a number."""
    ids = {
        "PHONE_NUMBER": number.meta_id,
        "WABA": number.account,
        "BUSINESS": PORTFOLIO,
        "APP": APP,
    }
    entities = [_describe_entity(kind, id, health.errors) for kind, id in ids.items()]
    words = {each["can_send_message"] for each in entities}
    overall = next((word for word in (BLOCKED, LIMITED) if word in words), AVAILABLE)
    return {"can_send_message": overall, "entities": entities}


def _describe_entity(kind: str, id: str, codes: tuple[int, ...]) -> dict[str, Any]:
    own = {code: CAUSES[code] for code in codes if code in CAUSES and CAUSES[code][0] == kind}
    if not own:
        return {"entity_type": kind, "id": id, "can_send_message": AVAILABLE}
    words = {word for _, word, _ in own.values()}
    errors = [
        {"error_code": code, "error_description": text, "possible_solution": "Visit Settings."}
        for code, (_, _, text) in own.items()
    ]
    word = BLOCKED if BLOCKED in words else LIMITED
    return {"entity_type": kind, "id": id, "can_send_message": word, "errors": errors}


def describe_subscriptions(names: tuple[str, ...], callback: str) -> dict[str, Any]:
    """Return the webhooks of the app."""
    fields = [{"name": name, "version": "v26.0"} for name in names]
    webhook = {"object": "whatsapp_business_account", "callback_url": callback, "active": True}
    return {"data": [webhook | {"fields": fields}]}


def describe_apps(health: NumberHealth) -> dict[str, Any]:
    """Return the apps that receive the webhooks of an account."""
    app = {"id": APP, "name": "Postkamer", "link": f"https://www.facebook.com/games/?app_id={APP}"}
    return {"data": [{"whatsapp_business_api_data": app}] if health.subscribed else []}


def describe_token(token: TokenHealth, now: datetime) -> dict[str, Any]:
    """Return the answer of `debug_token`."""
    expires = 0 if token.days is None else int((now + timedelta(days=token.days)).timestamp())
    return {
        "data": {
            "app_id": APP,
            "type": "SYSTEM_USER",
            "application": "Postkamer",
            "data_access_expires_at": 0,
            "expires_at": expires,
            "is_valid": True,
            "issued_at": int(now.timestamp()),
            "scopes": list(token.scopes),
            "user_id": "122000000000004",
        }
    }
