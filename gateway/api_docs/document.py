"""The OpenAPI document of the gateway: the API for CRMs, and the webhook that Meta calls."""

from typing import Any

from pydantic import TypeAdapter

from gateway.api_docs import examples
from gateway.api_docs.destination_operations import DESTINATIONS
from gateway.api_docs.operations import ACCESS, CHANGES, CONSENTS, NUMBERS, READ, SEND, UPLOAD
from gateway.api_docs.parameters import HANDSHAKE
from services.api.json_body import SLOW
from services.api.openapi import build_document
from services.api.operations import DOCUMENT, Answer, Api, Content, Operation, ProblemExample
from services.http.problems import VERSION
from services.stops.refusal import MOVES

Json = dict[str, Any]

WEBHOOK = "/webhooks/whatsapp"
VERIFY = Operation(
    method="get",
    path=WEBHOOK,
    id="verifyWebhook",
    tag="webhook",
    summary="Meta's handshake",
    description="Meta calls this when the address is registered. A municipality with a Meta app of"
    " its own may register `/webhooks/whatsapp/` followed by its id.",
    parameters=[HANDSHAKE],
    answers={
        200: Answer(description="The challenge.", content_type="text/plain", example="1158201444")
    },
    refusals={
        400: [
            ProblemExample(
                "hub.challenge must be given, in at most 200 characters",
                "The verify token is ours, and the challenge is missing or too long.",
            )
        ],
        403: [ProblemExample("the verify token is not ours", "The verify token is not ours.")],
    },
    at_root=True,
)
RECEIVE = Operation(
    method="post",
    path=WEBHOOK,
    id="receiveWebhook",
    tag="webhook",
    summary="Receive a webhook of Meta",
    description="The answer is 200 once the webhook is safe. A signed webhook that cannot be parsed"
    " is stored and answered 200 too: sending it again would not help.",
    security=[{"metaSignature": []}, {"dialogSignature": []}],
    content=Content(
        model=TypeAdapter(dict[str, Any]),
        examples={"status": examples.WEBHOOK},
        description="The signed bytes, at most 4 MiB.",
    ),
    answers={200: Answer(description="The webhook is safe.")},
    refusals={
        401: [
            ProblemExample(
                "the signature is not valid", "There is no signature, or it is not valid."
            )
        ],
        408: [SLOW],
        413: [ProblemExample("a webhook is at most 4194304 bytes", "The body is too large.")],
        415: [ProblemExample("a webhook has no Content-Encoding", "The body is compressed.")],
        503: [
            ProblemExample("the broker does not answer", "The webhook cannot be made safe now."),
            ProblemExample(
                MOVES.detail,
                "`municipality_moves`: it has an item for a municipality that moves to another"
                " installation. Nothing of it was taken.",
                {"code": MOVES.code},
            ),
        ],
    },
    at_root=True,
)
API = Api(
    title="Postkamer: the gateway",
    version=VERSION,
    summary="WhatsApp messages to citizens, for the systems of a municipality's departments",
    description="Postkamer is the WhatsApp mailroom of a municipality. With this API the system of"
    " a department answers citizens and transfers conversations. It receives the messages of"
    " citizens as signed CloudEvents."
    "\n\nEvery command has an `Idempotency-Key`. It is answered once it is safe, or refused with"
    " all its faults at once. Times are in UTC. A request with unknown members is refused; expect"
    " new members in answers. Lengths count as Meta may count them: an emoji is two characters or"
    " more. A body is JSON, also with the `Content-Type` that curl gives it without `-H`.",
    tags={
        "messages": "Messages to citizens.",
        "consents": "Consent of citizens to messages that the municipality starts.",
        "conversations": "Changes of conversations, such as a transfer to another department.",
        "access": "Rights of the token, and the departments of its municipality.",
        "numbers": "State and notice of a number, set by the contact centre, and its templates.",
        "media": "Files to send.",
        "destinations": "Recovery by the owner of a destination: its deliveries and its secrets.",
        "webhook": "For Meta, and for providers that forward its webhooks.",
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
OPERATIONS = (
    SEND,
    READ,
    *CONSENTS,
    *CHANGES,
    *ACCESS,
    *NUMBERS,
    UPLOAD,
    *DESTINATIONS,
    VERIFY,
    RECEIVE,
    DOCUMENT,
)

document: Json = build_document(API, OPERATIONS)
"""The document at /v1/openapi.json; see `services.api.docs_page`."""
