"""Meta's errors, and the recipients for which the Graph API stand-in misbehaves: two tables.

A recipient's number says what happens: 06-00 with an error code is refused with that code, 06-01 is
accepted and fails later, 06-02 is refused once or twice and then accepted, 06-03 is accepted with
odd statuses.
"""

from typing import Literal

import msgspec


class GraphError(msgspec.Struct, frozen=True):
    """One error of Meta's list. Clients decide on `code`."""

    code: int
    http: int
    title: str
    details: str
    kind: str = "OAuthException"


ERRORS: dict[int, GraphError] = {
    error.code: error
    for error in (
        GraphError(1, 500, "API Unknown", "Possibly a temporary fault; try again."),
        GraphError(2, 503, "API Service", "Temporarily unavailable or overloaded."),
        GraphError(4, 429, "API Too Many Calls", "The app reached its limit of calls."),
        GraphError(15, 400, "Application token required", "Call it with an app access token."),
        GraphError(100, 400, "Invalid parameter", "A parameter is unknown or wrong."),
        GraphError(190, 401, "Access token has expired", "The access token is not valid."),
        GraphError(200, 403, "Permissions error", "A permission of the token is missing."),
        GraphError(368, 403, "Temporarily blocked for policies violations", "Account restricted."),
        GraphError(470, 400, "Re-engagement message", "The older code of 131047."),
        GraphError(130403, 400, "User blocked", "This business blocked the user."),
        GraphError(130429, 429, "Rate limit hit", "The number's throughput was reached."),
        GraphError(131000, 500, "Something went wrong", "The message failed for an unknown cause."),
        GraphError(131005, 403, "Access denied", "The permission is missing or was removed."),
        GraphError(131008, 400, "Required parameter is missing", "A parameter is missing."),
        GraphError(131009, 400, "Parameter value is not valid", "A value is not valid."),
        GraphError(131016, 500, "Service unavailable", "A service is temporarily unavailable."),
        GraphError(131021, 400, "Recipient cannot be sender", "Recipient and sender are the same."),
        GraphError(131026, 400, "Message undeliverable", "The recipient cannot receive it."),
        GraphError(131031, 403, "Account has been locked", "The business account is locked."),
        GraphError(131042, 400, "Business eligibility payment issue", "Payment is not in order."),
        GraphError(131047, 400, "Re-engagement message", "The 24 hours since their last are over."),
        GraphError(131048, 400, "Spam rate limit hit", "Too many messages were reported as spam."),
        GraphError(131051, 400, "Unsupported message type", "This type is not supported."),
        GraphError(131053, 400, "Media upload error", "The media cannot be taken."),
        GraphError(131056, 400, "Pair rate limit hit", "Too many messages to this one recipient."),
        GraphError(131057, 503, "Account in maintenance mode", "The account is being maintained."),
        GraphError(132000, 400, "Template Param Count Mismatch", "The number of parameters."),
        GraphError(132001, 404, "Template does not exist", "Not in this language or approved."),
        GraphError(132012, 400, "Template Parameter Format Mismatch", "A parameter's format."),
        GraphError(132015, 400, "Template is Paused", "The template was paused: low quality."),
        GraphError(132016, 400, "Template is Disabled", "It was paused too often."),
        GraphError(133010, 400, "Phone number not registered", "Register the number first."),
        GraphError(137000, 400, "Identity hash mismatch", "The recipient's identity has changed."),
        GraphError(139200, 400, "Direct Send blocked", "Direct Send utility access is blocked."),
    )
}


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """Fate of a message to one recipient."""

    code: int = 0
    """Error that refuses the message; 0 for none."""
    times: int = 0
    """Number of refusals before a message is accepted; 0 for always."""
    answer: Literal["normal", "none", "lost", "html"] = "normal"
    """none: no response and not accepted; lost: accepted, but the connection breaks before the
    response; html: accepted, but a proxy answers 502."""
    statuses: tuple[str, ...] = ("sent", "delivered")
    late_code: int = 0
    """Error in a `failed` status."""
    message_status: str = ""
    """Word in the answer for a template that waits at Meta."""


NORMAL = Behaviour()
FAILED = ("failed",)

REFUSED = (
    *(1, 2, 4, 100, 190, 368, 470, 130403, 130429, 131000, 131005, 131016, 131021, 131026),
    *(131031, 131042, 131047, 131048, 131053, 131056, 131057, 133010, 137000),
)

MAGIC: dict[str, Behaviour] = {
    **{f"316{code:08}": Behaviour(code=code) for code in REFUSED},
    "31600000408": Behaviour(answer="none"),
    "31600000499": Behaviour(answer="lost"),
    "31600000502": Behaviour(answer="html"),
    "31601131026": Behaviour(statuses=FAILED, late_code=131026),
    "31601131047": Behaviour(statuses=FAILED, late_code=131047),
    "31601131053": Behaviour(statuses=("sent", "failed"), late_code=131053),
    "31602131047": Behaviour(code=131047, times=1),
    "31602130429": Behaviour(code=130429, times=2),
    "31602131000": Behaviour(code=131000, times=2),
    "31602131016": Behaviour(code=131016, times=2),
    "31602131056": Behaviour(code=131056, times=2),
    "31603000000": Behaviour(statuses=()),
    "31603000001": Behaviour(statuses=("sent",)),
    "31603000002": Behaviour(statuses=("sent", "sent", "delivered", "delivered")),
    "31603000003": Behaviour(statuses=("delivered", "sent")),
    "31603000004": Behaviour(statuses=("sent", "read")),
    "31603000005": Behaviour(statuses=("read", "delivered", "sent")),
    "31603000006": Behaviour(statuses=(), message_status="held_for_quality_assessment"),
    "31603000007": Behaviour(statuses=(), message_status="paused"),
}


def error_body(error: GraphError, *, details: str = "", trace: str) -> dict[str, object]:
    """Return the JSON body in which Meta reports `error`."""
    return {
        "error": {
            "message": f"(#{error.code}) {error.title}",
            "type": error.kind,
            "code": error.code,
            "error_data": {
                "messaging_product": "whatsapp",
                "details": details or error.details,
            },
            "fbtrace_id": trace,
        }
    }


def status_error(code: int) -> dict[str, object]:
    """Return an error in the form that a `failed` status has."""
    error = ERRORS[code]
    return {
        "code": code,
        "title": error.title,
        "message": error.title,
        "error_data": {"details": error.details},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }
