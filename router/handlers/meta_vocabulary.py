"""Meta's vocabulary as we know it: fields, message types, and events of notices. Tables.

Only these words become labels of metrics and logs. Any other word counts as `other`, and is
reported when it is first seen.
"""

from services.whatsapp.account_events import NOTICES
from services.whatsapp.content import CONTENTS
from services.whatsapp.message_fields import MESSAGES

NONE, OTHER, ERRORS = "none", "other", "errors"

FIELDS = frozenset([*MESSAGES, *NOTICES])
TYPES = frozenset(CONTENTS)
STATUSES = frozenset(
    [
        "accepted",
        "canceled",
        "captured",
        "deleted",
        "delivered",
        "failed",
        "pending",
        "played",
        "read",
        "sent",
        "warning",
    ]
)
"""Statuses of a message, or of a payment in one."""

_GROUP_EVENTS = (
    "group_create",
    "group_delete",
    "group_join_request_created",
    "group_join_request_revoked",
    "group_participants_add",
    "group_participants_remove",
    "group_settings_update",
    "group_suspend",
    "group_suspend_cleared",
)
_QUALITY = ("GREEN", "YELLOW", "RED", "UNKNOWN")

_WORDS: dict[str, tuple[str, ...]] = {
    "account_alerts": (
        "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED",
        "INCREASED_CAPABILITIES_ELIGIBILITY_FAILED",
        "INCREASED_CAPABILITIES_ELIGIBILITY_NEED_MORE_INFO",
        "OBA_APPROVED",
        "OBA_REJECTED",
        "PROFILE_PICTURE_LOST",
    ),
    "account_review_update": ("APPROVED", "DEFERRED", "PENDING", "REJECTED"),
    "account_settings_update": ("phone_number_settings",),
    "account_update": (
        "ACCOUNT_DELETED",
        "ACCOUNT_OFFBOARDED",
        "ACCOUNT_RECONNECTED",
        "ACCOUNT_RESTRICTION",
        "ACCOUNT_VIOLATION",
        "AD_ACCOUNT_LINKED",
        "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE",
        "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE",
        "DISABLED_UPDATE",
        "MM_LITE_TERMS_SIGNED",
        "PARTNER_ADDED",
        "PARTNER_APP_INSTALLED",
        "PARTNER_APP_UNINSTALLED",
        "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE",
        "PARTNER_REMOVED",
        "VERIFIED_ACCOUNT",
        "VOLUME_BASED_PRICING_TIER_UPDATE",
    ),
    "automatic_events": ("LeadSubmitted", "Purchase"),
    "business_username_update": ("approved", "deleted", "reserved"),
    "calls": ("ACCEPTED", "REJECTED", "RINGING", "connect", "terminate"),
    "flows": (
        "CLIENT_ERROR_RATE",
        "ENDPOINT_AVAILABILITY",
        "ENDPOINT_ERROR_RATE",
        "ENDPOINT_LATENCY",
        "FLOW_STATUS_CHANGE",
        "FLOW_VERSION_EXPIRY_WARNING",
        "FLOW_VERSION_FREEZE_WARNING",
    ),
    "group_lifecycle_update": _GROUP_EVENTS,
    "group_participant_update": _GROUP_EVENTS,
    "group_participants_update": _GROUP_EVENTS,
    "group_settings_update": _GROUP_EVENTS,
    "group_status_update": _GROUP_EVENTS,
    "message_template_quality_update": _QUALITY,
    "message_template_status_update": (
        "APPROVED",
        "ARCHIVED",
        "DELETED",
        "DISABLED",
        "FLAGGED",
        "IN_APPEAL",
        "LIMIT_EXCEEDED",
        "LOCKED",
        "PAUSED",
        "PENDING",
        "PENDING_DELETION",
        "REINSTATED",
        "REJECTED",
        "UNARCHIVED",
    ),
    "partner_solutions": (
        "SOLUTION_CREATED",
        "SOLUTION_UPDATED",
    ),
    "payment_configuration_update": ("ACTIVE", "NEEDS_CONNECTING", "NEEDS_TESTING"),
    "phone_number_name_update": ("APPROVED", "DEFERRED", "PENDING", "REJECTED"),
    "phone_number_quality_update": (
        "DOWNGRADE",
        "FLAGGED",
        "ONBOARDING",
        "THROUGHPUT_UPGRADE",
        "UNFLAGGED",
        "UPGRADE",
    ),
    "security": ("PIN_CHANGED", "PIN_REQUEST_SUCCESS", "PIN_RESET_REQUEST"),
    "smb_app_state_sync": ("add", "edit", "remove"),
    "template_category_update": ("AUTHENTICATION", "MARKETING", "UTILITY"),
    "user_preferences": ("resume", "signup", "stop"),
}

KNOWN: dict[str, frozenset[str]] = {
    field: frozenset([*_WORDS.get(field, ()), ERRORS]) for field in FIELDS
}
"""Field -> its events. ERRORS is the parser's own word, since Meta puts errors in any field."""
