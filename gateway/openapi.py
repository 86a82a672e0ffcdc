"""The gateway's API as its document describes it: a table of operations."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from gateway import bodies, examples, kinds
from gateway.answers import Accepted, MediaAccepted, MessageStatus
from gateway.parameters import CONVERSATION, DISPOSITION, HANDSHAKE, ID, KEY
from gateway.reading import BODY_BYTES
from services.answers import VERSION
from services.openapi import document_of
from services.operations import DOCUMENT, Answer, Api, Content, Operation, Refusal

Json = dict[str, Any]

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
ANSWERED = Refusal(
    "another answer was given",
    "`answered_meanwhile`: there is an answer that the sender did not see.",
    {"code": "answered_meanwhile", "last": examples.MESSAGE},
)
NO_MESSAGE = Refusal("there is no such message", "There is none, or it is not of this token.")
NO_CONVERSATION = Refusal(
    "there is no such conversation", "There is none, or this token may not see it."
)
SLOW = Refusal("the body did not arrive in time", "The body did not arrive in time.")
LARGE = Refusal(f"a body is at most {BODY_BYTES} bytes", "The body is too large.")
NO_JSON = Refusal(
    "the body must be application/json",
    "The body is not application/json in UTF-8, or has a Content-Encoding.",
)
BODY: dict[int, list[Refusal]] = {400: [WRONG], 408: [SLOW], 413: [LARGE], 415: [NO_JSON]}
"""Of every order."""


def _change(
    verb: str,
    id: str,
    content: Content,
    summary: str,
    description: str,
    conflicts: Sequence[Refusal] = (),
) -> Operation:
    return Operation(
        method="post",
        path=f"/conversations/{{id}}/_{verb}",
        id=id,
        tag="conversations",
        summary=summary,
        description=description,
        roles=["send"],
        parameters=[CONVERSATION, KEY],
        content=content,
        answers={
            202: Answer(
                description="It is safe, and will be done in the order of the conversation.",
                model=Accepted,
                headers=["Location"],
                example=examples.ACCEPTED,
            )
        },
        refusals=BODY | {404: [NO_CONVERSATION], 409: [*conflicts, TRANSFERRED, KEY_USED]},
    )


def _order(model: TypeAdapter[Any], example: Json) -> Content:
    return Content(model=model, examples={"example": example})


SEND = Operation(
    method="post",
    path="/messages",
    id="sendMessage",
    tag="messages",
    summary="Send a message to a citizen",
    description="In a conversation (`conversationId`), or from a number of yours (`number`) to"
    " somebody (`to`). All of Meta's limits are checked before anything is accepted. Outside the 24"
    " hours after the citizen's last message only a template arrives."
    "\n\nAccepted is not sent: read what became of it at `Location`, or wait for the event.",
    roles=["send"],
    parameters=[KEY],
    content=Content(model=bodies.MESSAGE, name="Message", examples=examples.MESSAGES),
    answers={
        202: Answer(
            description="It is safe, and will be sent.",
            model=Accepted,
            headers=["Location"],
            example=examples.ACCEPTED,
        )
    },
    refusals=BODY | {409: [ANSWERED, TRANSFERRED, KEY_USED]},
)
READ = Operation(
    method="get",
    path="/messages/{id}",
    id="readMessage",
    tag="messages",
    summary="Read what became of a message or a change",
    roles=["send"],
    parameters=[ID],
    answers={
        200: Answer(description="As it stands.", model=MessageStatus, example=examples.STATUS)
    },
    refusals={404: [NO_MESSAGE]},
)
UPLOAD = Operation(
    method="post",
    path="/media",
    id="uploadMedia",
    tag="media",
    summary="Upload a file, to send later",
    description="The body is the file itself. How large it may be, its type decides.",
    roles=["send"],
    parameters=[KEY, DISPOSITION],
    content=Content(files=list(kinds.TYPES), description="The bytes of the file."),
    answers={
        201: Answer(
            description="It is safe, and can be sent by its id.",
            model=MediaAccepted,
            example=examples.MEDIA_ACCEPTED,
        )
    },
    refusals={
        400: [
            Refusal(
                "the file is not of the type that its Content-Type says",
                "There is no key, the file is empty, or is not what its Content-Type says; or it is"
                " Opus with more than one channel.",
            )
        ],
        408: [Refusal("the file stopped coming", "The file did not arrive in time.")],
        409: [KEY_USED],
        413: [Refusal("a file of this type is at most 5242880 bytes", "The file is too large.")],
        415: [Refusal("a file is one of: image/jpeg, ...", "Meta does not take this type.")],
    },
)
CHANGES = (
    _change(
        "transfer",
        "transferConversation",
        _order(bodies.TRANSFER, examples.TRANSFER),
        "Hand a conversation over to another department",
        "The other department gets the event `nl.postkamer.conversation-transferred.v1`.",
        [CLOSED],
    ),
    _change(
        "close",
        "closeConversation",
        _order(bodies.CLOSE, examples.CLOSE),
        "Close a conversation",
        "What the citizen writes next opens a new one.",
    ),
    _change(
        "note",
        "noteConversation",
        _order(bodies.NOTE, examples.NOTE),
        "Write a note for colleagues",
        "On the record, and never shown to the citizen.",
    ),
    _change(
        "link",
        "linkConversation",
        _order(bodies.TIE, examples.TIE),
        "Tie a conversation to a zaak",
        "Events, export and retention carry it.",
    ),
)
WEBHOOK = "/webhooks/whatsapp"
VERIFY = Operation(
    method="get",
    path=WEBHOOK,
    id="verifyWebhook",
    tag="webhook",
    summary="Meta's handshake",
    description="Meta calls it when the address is registered. A municipality with a Meta app of"
    " its own may register `/webhooks/whatsapp/` and its id.",
    parameters=[HANDSHAKE],
    answers={
        200: Answer(description="The challenge.", content_type="text/plain", example="1158201444")
    },
    refusals={403: [Refusal("the verify token is not ours", "The verify token is not ours.")]},
    at_root=True,
)
RECEIVE = Operation(
    method="post",
    path=WEBHOOK,
    id="receiveWebhook",
    tag="webhook",
    summary="What Meta tells",
    description="Answered 200 once it is safe. What is signed and cannot be understood is kept and"
    " answered 200 too: sending it again would not help.",
    security=[{"metaSignature": []}, {"dialogSignature": []}],
    content=Content(
        model=TypeAdapter(dict[str, Any]),
        examples={"status": examples.WEBHOOK},
        description="The signed bytes, at most 4 MiB.",
    ),
    answers={200: Answer(description="It is safe.")},
    refusals={
        401: [Refusal("the signature is not valid", "No signature, or one that is not ours.")],
        408: [SLOW],
        413: [Refusal("a webhook is at most 4194304 bytes", "The body is too large.")],
        415: [Refusal("a webhook has no Content-Encoding", "The body is compressed.")],
        503: [Refusal("the broker does not answer", "It cannot be made safe now.")],
    },
    at_root=True,
)
API = Api(
    title="Postkamer: the gateway",
    version=VERSION,
    summary="WhatsApp messages to citizens, for the systems of a municipality's departments",
    description="Postkamer is the WhatsApp mailroom of a municipality. Through this API a system of"
    " a department answers citizens and hands conversations over. What citizens write arrives there"
    " as signed CloudEvents."
    "\n\nEvery order has an `Idempotency-Key`, is answered once it is safe, and is refused with all"
    " of its faults at once. Times are in UTC. Members that are not known are refused in a request;"
    " expect new ones in an answer.",
    tags={
        "messages": "To citizens.",
        "conversations": "Between departments.",
        "media": "Files to send.",
        "webhook": "For Meta and for providers that pass its webhooks on.",
        "documentation": "This document.",
    },
    security_schemes={
        "metaSignature": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Hub-Signature-256",
            "description": "`sha256=` and the HMAC-SHA256 of the body under the app secret, in"
            " hexadecimals.",
        },
        "dialogSignature": {
            "type": "apiKey",
            "in": "header",
            "name": "X-360dialog-Signature",
            "description": "360dialog's HMAC-SHA256 of the body under the number's secret.",
        },
    },
)
OPERATIONS = (SEND, READ, *CHANGES, UPLOAD, VERIFY, RECEIVE, DOCUMENT)

document: Json = document_of(API, OPERATIONS)
"""Answered at /v1/openapi.json; see `services.manual.routes`."""
