"""What desks may order and ask of the gateway, as its document describes it: a table."""

from collections.abc import Sequence
from typing import Literal

from gateway.api_docs import examples
from gateway.api_docs.error_responses import (
    ANSWERED,
    BODY_REFUSALS,
    CLOSED,
    CONFIDENTIAL,
    KEY_USED,
    MARKS_OFF,
    NO_CONVERSATION,
    NO_MESSAGE,
    NO_NUMBER,
    TRANSFERRED,
    UNFIT_TEXT,
)
from gateway.api_docs.parameters import CONVERSATION, DISPOSITION, ID, KEY, NUMBER
from gateway.api_docs.responses import Accepted, MediaAccepted, MessageStatus, Numbers
from gateway.media import media_types
from gateway.requests import changes, messages
from services.api.operations import Answer, Content, Operation, Refusal


def _ordered(description: str) -> dict[int, Answer]:
    return {
        202: Answer(
            description=description,
            model=Accepted,
            headers=["Location"],
            example=examples.ACCEPTED,
        )
    }


SEND = Operation(
    method="post",
    path="/messages",
    id="sendMessage",
    tag="messages",
    summary="Send a message to a citizen",
    description="In a conversation (`conversationId`), or from a number of yours (`number`) to"
    " somebody (`to`). All of Meta's limits are checked before anything is accepted. Outside the 24"
    " hours after the citizen's last message only a template arrives."
    "\n\nTo somebody who did not write first, or long ago, a template goes by consent on record:"
    " name its `purpose`, or bring it along as `consent`; without one it ends at `failed`, with a"
    " reason that begins with `consent_missing`. It leaves by day: at night it waits for morning."
    "\n\nAccepted is not sent: read what became of it at `Location`, or wait for the event.",
    roles=["send"],
    parameters=[KEY],
    content=Content(model=messages.MESSAGE, name="Message", examples=examples.MESSAGES),
    answers=_ordered("It is safe, and will be sent."),
    refusals=BODY_REFUSALS | {409: [ANSWERED, TRANSFERRED, KEY_USED]},
)
READ = Operation(
    method="get",
    path="/messages/{id}",
    id="readMessage",
    tag="messages",
    summary="Read what became of a message or a change",
    roles=changes.COMMAND_ROLES,
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
    content=Content(files=list(media_types.MEDIA_TYPES), description="The bytes of the file."),
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


def _change(
    verb: str,
    id: str,
    summary: str,
    description: str,
    conflicts: Sequence[Refusal] = (TRANSFERRED,),
) -> Operation:
    kind, roles = changes.VERBS[verb]
    return Operation(
        method="post",
        path=f"/conversations/{{id}}/{verb}",
        id=id,
        tag="conversations",
        summary=summary,
        description=description,
        roles=roles,
        parameters=[CONVERSATION, KEY],
        content=Content(model=kind, examples=examples.CHANGES[verb]),
        answers=_ordered("It is safe, and will be done in the order of the conversation."),
        refusals=BODY_REFUSALS | {404: [NO_CONVERSATION], 409: [*conflicts, KEY_USED]},
    )


CHANGES = (
    _change(
        "_transfer",
        "transferConversation",
        "Hand a conversation over",
        "To another department, and there into a colleague's queue if you name one; without a"
        " department to the front desk, which is the number's own. Whoever gets it is told with"
        " the event `nl.postkamer.conversation-transferred.v1`.",
        [CLOSED, TRANSFERRED],
    ),
    _change(
        "_close",
        "closeConversation",
        "Close a conversation",
        "What the citizen writes next begins another, or opens this one again when it comes within"
        " 14 days and is not of another subject. A conversation with the label `officieel`"
        " needs an `outcome`: without one the order ends at `failed`, with a reason that begins"
        " with `outcome_needed`.",
    ),
    _change(
        "_note",
        "noteConversation",
        "Write a note for colleagues",
        "On the record, and never shown to the citizen.",
    ),
    _change(
        "_link",
        "linkConversation",
        "Tie a conversation to a zaak",
        "Events, export and retention carry it.",
    ),
    _change(
        "_read",
        "markRead",
        "Show the citizen that it was read",
        "Everything that they wrote until now; with `typing` also that an answer is being typed."
        " Where the number's `read_marks` is `never`, and of a confidential department, nothing is"
        " shown. Nobody waits for it: what Meta does not take within ten minutes is let go. An"
        " order ends at `failed`, with a reason that begins with `nothing_to_mark`, when the"
        " citizen wrote nothing in the last 30 days.",
        [MARKS_OFF, CONFIDENTIAL, TRANSFERRED],
    ),
    _change(
        "_confirm",
        "confirmAlarm",
        "Say that somebody has seen an alarm",
        "Nobody else is woken for this conversation. Whoever was woken need not be of its"
        " department.",
        [],
    ),
    _change(
        "_release",
        "releaseConversation",
        "Let a held conversation go",
        "What was held is delivered now, in order.",
    ),
    _change(
        "_merge",
        "mergeConversations",
        "Say that two people are one",
        "Whoever is in the conversation `with` is from now on who is in this one, under each of"
        " their names; `with` is closed. An order ends at `failed`, with a reason that begins with"
        " `same`, when it was one person already.",
    ),
)


def _agreeing(path: str, id: str, content: Content, summary: str, description: str) -> Operation:
    return Operation(
        method="post",
        path=path,
        id=id,
        tag="consents",
        summary=summary,
        description=description,
        roles=["send"],
        parameters=[KEY],
        content=content,
        answers=_ordered("It is safe, and holds for what is ordered from then on."),
        refusals=BODY_REFUSALS | {409: [KEY_USED]},
    )


CONSENTS = (
    _agreeing(
        "/consents",
        "recordConsent",
        Content(model=changes.GIVE_CONSENT, examples={"example": examples.GIVE_CONSENT}),
        "Put a citizen's consent on record",
        "For one purpose, with all numbers of your municipality. What was given before the citizen"
        " said STOP counts no more: the order ends at `failed`, with a reason that begins with"
        " `consent_missing`; with `consent_full` where there are 32 purposes already.",
    ),
    _agreeing(
        "/consents/_end",
        "endConsent",
        Content(model=changes.WITHDRAW_CONSENT, examples={"example": examples.WITHDRAW_CONSENT}),
        "Say that a citizen no longer consents",
        "Done all the same when there was no consent. A citizen who says STOP ends all of it"
        " themselves.",
    ),
)


def _saying(
    method: Literal["put", "delete"],
    what: str,
    id: str,
    content: Content,
    summary: str,
    description: str,
) -> Operation:
    return Operation(
        method=method,
        path=f"/numbers/{{id}}/{what}",
        id=id,
        tag="numbers",
        summary=summary,
        description=description,
        roles=[changes.CONTACT_CENTRE],
        parameters=[NUMBER, KEY],
        content=content,
        answers=_ordered("It is safe, and holds for what citizens write from then on."),
        refusals=BODY_REFUSALS | {400: [UNFIT_TEXT], 404: [NO_NUMBER], 409: [KEY_USED]},
    )


NUMBERS = (
    Operation(
        method="get",
        path="/numbers",
        id="listNumbers",
        tag="numbers",
        summary="List the numbers of your municipality, and what is said of each",
        roles=[changes.CONTACT_CENTRE],
        answers={
            200: Answer(description="As they stand.", model=Numbers, example=examples.NUMBERS)
        },
    ),
    _saying(
        "put",
        "notice",
        "putNotice",
        Content(model=changes.NOTICE, examples={"example": examples.NOTICE}),
        "Tell citizens something for a while",
        "Once in each conversation, instead of another text that would go out by itself; it ends"
        " by itself, within 31 days. A new notice takes the place of the one before.",
    ),
    _saying(
        "delete",
        "notice",
        "deleteNotice",
        Content(
            model=changes.CLEAR_NOTICE,
            examples={"example": examples.CLEAR_NOTICE},
            description="Needed only where people write with the token: then it says who did.",
            required=False,
        ),
        "Take the notice away",
        "Done all the same when there is none.",
    ),
    _saying(
        "put",
        "state",
        "putState",
        Content(model=changes.STATE, examples=examples.STATES),
        "Open a number, let it only receive, or close it",
        "Whatever its state is, all that citizens write is taken, routed and kept.",
    ),
)
