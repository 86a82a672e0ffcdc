"""In which ways the gateway refuses an order, as its document says them. Pure."""

from gateway.api_docs import examples
from services.api.json_body import UNREAD_REFUSALS
from services.api.operations import Refusal

WRONG = Refusal(
    "the body is not what it should be",
    "The key or the body is not what it should be; `errors` has every fault at once.",
    {"errors": [{"pointer": "/text/body", "detail": "is over 4096 characters"}]},
)
KEY_USED = Refusal(
    "this Idempotency-Key came with another request before",
    "`key_used`: the key came with another request before.",
    {"code": "key_used"},
)
TRANSFERRED = Refusal(
    "another department has this conversation now",
    "`transferred`: another department has the conversation now.",
    {"code": "transferred"},
)
CLOSED = Refusal(
    "the conversation is closed",
    "`closed`: nobody hands over what is closed.",
    {"code": "closed"},
)
MARKS_OFF = Refusal(
    "this number shows nobody that a message was read",
    "`marks_off`: the configuration of the number says so.",
    {"code": "marks_off"},
)
CONFIDENTIAL = Refusal(
    "a confidential department shows nobody that a message was read",
    "`confidential`: a department has, or had, the conversation that sends none.",
    {"code": "confidential"},
)
ANSWERED = Refusal(
    "another answer was given",
    "`answered_meanwhile`: there is an answer that the sender did not see.",
    {"code": "answered_meanwhile", "last": examples.MESSAGE},
)
NO_MESSAGE = Refusal("there is no such message", "There is none, or it is not of this token.")
NO_CONVERSATION = Refusal(
    "there is no such conversation", "There is none, or this token may not see it."
)
NO_NUMBER = Refusal("there is no such number", "There is none, or it is another municipality's.")
UNFIT = Refusal(
    "the body is not what it should be",
    "The key or the body is not what it should be; `errors` has every fault at once. No sentence"
    " has over 15 words, none asks for a BSN or a copy of papers, and the telephone is not the only"
    " way on.",
    {
        "errors": [
            {"pointer": "/text", "detail": "sentence 2 has 19 words, 15 at most"},
            {"pointer": "/until", "detail": "must lie within 31 days"},
        ]
    },
)
BODY: dict[int, list[Refusal]] = {400: [WRONG]} | UNREAD_REFUSALS
"""Of every order."""
