"""Refusals of commands in the OpenAPI document. Pure."""

from gateway.api_docs import examples
from services.api.json_body import UNREAD_REFUSALS
from services.api.operations import AWAY, ProblemExample
from services.stops.refusal import MOVES

WRONG = ProblemExample(
    "the body is not what it should be",
    "The key or the body is not valid; `errors` has all faults.",
    {"errors": [{"pointer": "/text/body", "detail": "is over 4096 characters"}]},
)
KEY_USED = ProblemExample(
    "this Idempotency-Key came with another request before",
    "`key_used`: the key came with another request before.",
    {"code": "key_used"},
)
TRANSFERRED = ProblemExample(
    "another department has this conversation now",
    "`transferred`: another department owns the conversation now.",
    {"code": "transferred"},
)
CLOSED = ProblemExample(
    "the conversation is closed",
    "`closed`: a closed conversation cannot be transferred.",
    {"code": "closed"},
)
MARKS_OFF = ProblemExample(
    "this number shows nobody that a message was read",
    "`marks_off`: the configuration of the number allows no read receipts.",
    {"code": "marks_off"},
)
CONFIDENTIAL = ProblemExample(
    "a confidential department shows nobody that a message was read",
    "`confidential`: a department that owns or owned the conversation is confidential and sends no"
    " read receipts.",
    {"code": "confidential"},
)
ANSWERED = ProblemExample(
    "another answer was given",
    "`answered_meanwhile`: there is an answer that the sender has not seen.",
    {"code": "answered_meanwhile", "last": examples.MESSAGE},
)
NOT_ON_GUEST_LIST = ProblemExample(
    "this number is on trial, and sends only to its guest list",
    "`not_on_guest_list`: the number is on trial, and the addressee is not on its guest list.",
    {"code": "not_on_guest_list"},
)
TEST_TOKEN = ProblemExample(
    "a test token records and ends no consent",
    "`test_token`: consent is real, and a test token records and ends none.",
    {"code": "test_token"},
)
MOVING = ProblemExample(
    MOVES.detail,
    "`municipality_moves`: your municipality moves to another installation. Nothing was done, and"
    " the same request succeeds after the move, with the same key.",
    {"code": MOVES.code},
)
UNAVAILABLE: dict[int, list[ProblemExample]] = {503: [AWAY, MOVING]}
"""Refusals of what is for a municipality, until it may be tried again."""
NO_MESSAGE = ProblemExample(
    "there is no such message", "There is no such message, or another token sent it."
)
NO_CONVERSATION = ProblemExample(
    "there is no such conversation",
    "There is no such conversation, or this token may not see it.",
)
NO_NUMBER = ProblemExample(
    "there is no such number", "There is no such number, or it is another municipality's."
)
UNFIT_TEXT = ProblemExample(
    "the body is not what it should be",
    "The key or the body is not valid; `errors` has all faults. A text has no sentence of over 15"
    " words, asks for no BSN or copy of papers, and does not name the telephone as the only way to"
    " continue.",
    {
        "errors": [
            {"pointer": "/text", "detail": "sentence 2 has 19 words, 15 at most"},
            {"pointer": "/until", "detail": "must lie within 31 days"},
        ]
    },
)
BODY_REFUSALS: dict[int, list[ProblemExample]] = {400: [WRONG]} | UNREAD_REFUSALS
"""Refusals that every command can get for its key and body."""
COMMAND_REFUSALS = BODY_REFUSALS | UNAVAILABLE
"""Refusals that every command for a municipality can get."""
