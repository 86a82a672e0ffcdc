"""Table of the operations of /v1 in the OpenAPI document."""

from collections.abc import Sequence
from typing import Literal

from gateway.api_docs import examples
from gateway.api_docs.error_responses import (
    ANSWERED,
    CLOSED,
    COMMAND_REFUSALS,
    CONFIDENTIAL,
    KEY_USED,
    MARKS_OFF,
    NO_CONVERSATION,
    NO_MESSAGE,
    NO_NUMBER,
    NOT_ON_GUEST_LIST,
    TEST_TOKEN,
    TRANSFERRED,
    UNAVAILABLE,
    UNFIT_TEXT,
)
from gateway.api_docs.parameters import CONVERSATION, DISPOSITION, ID, KEY, NUMBER
from gateway.api_docs.responses import (
    Accepted,
    Departments,
    Grants,
    MediaAccepted,
    MessageStatus,
    Numbers,
    NumberTemplates,
    TokenAccess,
)
from gateway.media import media_types
from gateway.requests import changes, messages
from services.api.operations import Answer, Content, Operation, ProblemExample

MEDIA_RANGES = sorted({f"{each.partition('/')[0]}/*" for each in media_types.MEDIA_TYPES})
"""Content types of uploads, as ranges: openapi-python-client prints a page for each type that it
does not support."""


def _accepted(description: str) -> dict[int, Answer]:
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
    description="Send a message in a conversation (`conversationId`), or from one of your numbers"
    " (`number`) to a citizen (`to`). All limits of Meta are checked before a message is accepted."
    " Later than 24 hours after the citizen's last message only a template arrives."
    "\n\nA citizen who did not write first, or wrote long ago, receives a template only with"
    " consent: name the `purpose` of a recorded consent, or send the `consent` itself. Without"
    " consent the message ends at `failed`, with a reason that begins with `consent_missing`. Such"
    " a template is sent by day: at night it waits for the morning."
    "\n\nA number on trial sends only to its guest list; a message to anyone else is refused with"
    " 422. With a test token nothing is sent: the statuses `sent`, `delivered` and `read` come all"
    " the same. Consent that comes with such a message is for that message alone, and is not"
    " recorded."
    "\n\nAn accepted message is not sent yet: read its status at `Location`, or wait for an event.",
    roles=["send"],
    parameters=[KEY],
    content=Content(model=messages.MESSAGE, name="Message", examples=examples.MESSAGES),
    answers=_accepted("The message is safe and will be sent."),
    refusals=COMMAND_REFUSALS | {409: [ANSWERED, TRANSFERRED, KEY_USED], 422: [NOT_ON_GUEST_LIST]},
)
READ = Operation(
    method="get",
    path="/messages/{id}",
    id="readMessage",
    tag="messages",
    summary="Read the status of a message or another command",
    roles=changes.COMMAND_ROLES,
    parameters=[ID],
    answers={200: Answer(description="The status.", model=MessageStatus, example=examples.STATUS)},
    refusals={404: [NO_MESSAGE]},
)
UPLOAD = Operation(
    method="post",
    path="/media",
    id="uploadMedia",
    tag="media",
    summary="Upload a file to send later",
    description="The body is the file itself. Its type decides how large it may be. The type is the"
    " `Content-Type`, or with `application/octet-stream` the extension of the name in"
    " `Content-Disposition`."
    f"\n\nTypes: {', '.join(f'`{each}`' for each in media_types.MEDIA_TYPES)}."
    f"\n\nExtensions: {', '.join(f'`{each}`' for each in media_types.EXTENSIONS)}.",
    roles=["send"],
    parameters=[KEY, DISPOSITION],
    content=Content(
        files=[media_types.UNNAMED, *MEDIA_RANGES], description="The bytes of the file."
    ),
    answers={
        201: Answer(
            description="The file is safe and can be sent by its id.",
            model=MediaAccepted,
            example=examples.MEDIA_ACCEPTED,
        )
    },
    refusals={
        400: [
            ProblemExample(
                "the file is not of the type that its Content-Type says",
                "The key is missing, the Content-Disposition is too long, the file is empty, the"
                " file is not of the type that its Content-Type says, or it is Opus with more than"
                " one channel.",
            )
        ],
        408: [ProblemExample("the file stopped coming", "The file did not arrive in time.")],
        409: [KEY_USED],
        413: [
            ProblemExample("a file of this type is at most 5242880 bytes", "The file is too large.")
        ],
        415: [
            ProblemExample(
                "a file is one of: image/jpeg, ...",
                "Meta does not accept this type, or the name of the file does not show it.",
            )
        ],
        **UNAVAILABLE,
    },
)


def _change_operation(
    verb: str,
    id: str,
    summary: str,
    description: str,
    conflicts: Sequence[ProblemExample] = (TRANSFERRED,),
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
        answers=_accepted("The change is safe and will be made in the order of the conversation."),
        refusals=COMMAND_REFUSALS | {404: [NO_CONVERSATION], 409: [*conflicts, KEY_USED]},
    )


CHANGES = (
    _change_operation(
        "_transfer",
        "transferConversation",
        "Transfer a conversation",
        "Transfer it to another department, and into the queue of an `employee` if you name one."
        " Without a department it goes to the front desk of the number. The receiver gets the event"
        " `nl.postkamer.conversation-transferred.v1`.",
        [CLOSED, TRANSFERRED],
    ),
    _change_operation(
        "_close",
        "closeConversation",
        "Close a conversation",
        "The next message of the citizen begins a new conversation, or opens this one again if it"
        " comes within 14 days and is not about another subject. A conversation with the label"
        " `officieel` needs an `outcome`: without one the command ends at `failed`, with a reason"
        " that begins with `outcome_needed`.",
    ),
    _change_operation(
        "_reopen",
        "reopenConversation",
        "Open a closed conversation again",
        "For a question that is not answered after all. The conversation is open again at the"
        " department that closed it, with the deadline that it had; the citizen waits from now on,"
        " and gets no text. The department gets the event `nl.postkamer.conversation-reopened.v1`."
        " The command succeeds also if the conversation is open already. It ends at `failed`, with"
        " a reason that begins with `other_open`, if another conversation with this citizen is open"
        " at the number.",
    ),
    _change_operation(
        "_note",
        "noteConversation",
        "Write a note for colleagues",
        "The note is archived, and never shown to the citizen.",
    ),
    _change_operation(
        "_link",
        "linkConversation",
        "Link a conversation to a zaak",
        "Later events and records include the link. If it is another link than before, the"
        " department gets the event `nl.postkamer.conversation-linked.v1`.",
    ),
    _change_operation(
        "_read",
        "markRead",
        "Send a read receipt",
        "The receipt covers all messages of the citizen so far; with `typing` it also shows that an"
        " answer is being typed. It is refused if the number's `read_marks` is `never`, and for a"
        " confidential department. A receipt that Meta does not accept within ten minutes is"
        " dropped. The command ends at `failed`, with a reason that begins with `nothing_to_mark`,"
        " if the citizen wrote nothing in the last 30 days.",
        [MARKS_OFF, CONFIDENTIAL, TRANSFERRED],
    ),
    _change_operation(
        "_confirm",
        "confirmAlarm",
        "Confirm an alarm",
        "A person has seen the alarm, so no other person is woken for this conversation. A token of"
        " another department may confirm too.",
        [],
    ),
    _change_operation(
        "_release",
        "releaseConversation",
        "Release a withheld conversation",
        "The events that were withheld are delivered now, in order.",
    ),
    _change_operation(
        "_merge",
        "mergeConversations",
        "Merge two persons into one",
        "The citizen of the conversation `with` becomes the citizen of this conversation, with all"
        " their identities; `with` is closed. The command ends at `failed`, with a reason that"
        " begins with `same`, if they were one person already.",
    ),
    _change_operation(
        "_settle",
        "settleMessage",
        "Settle a message of which the result is unknown",
        "For a message with status `unknown`: nobody knows whether Meta sent it, so Postkamer does"
        " not send it again. A person looks in WhatsApp Manager or asks the citizen, and says what"
        " they saw. After `sent` its status is `sent`; after `not_sent` it is `accepted`, and it is"
        " sent again now. The department that sent it gets"
        " `nl.postkamer.message-status-changed.v1`. The command ends at `failed`, with a reason"
        " that begins with `not_in_doubt`, if the result is known meanwhile.",
    ),
)


def _consent_operation(
    path: str, id: str, content: Content, summary: str, description: str
) -> Operation:
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
        answers=_accepted("The command is safe and applies to later commands."),
        refusals=COMMAND_REFUSALS | {409: [KEY_USED], 422: [TEST_TOKEN]},
    )


CONSENTS = (
    _consent_operation(
        "/consents",
        "recordConsent",
        Content(model=changes.GIVE_CONSENT, examples={"fromAppointment": examples.GIVE_CONSENT}),
        "Record a citizen's consent",
        "The consent is for one purpose and holds for all numbers of your municipality. Consent"
        " from before the citizen sent STOP no longer counts: the command ends at `failed`, with a"
        " reason that begins with `consent_missing`. The reason begins with `consent_full` if the"
        " citizen has 32 purposes already.",
    ),
    _consent_operation(
        "/consents/_end",
        "endConsent",
        Content(model=changes.WITHDRAW_CONSENT, examples={"onePurpose": examples.WITHDRAW_CONSENT}),
        "Record that a citizen withdraws consent",
        "The command succeeds also if there was no consent. A citizen who sends STOP withdraws all"
        " consent.",
    ),
)


ACCESS = (
    Operation(
        method="get",
        path="/access",
        id="readAccess",
        tag="access",
        summary="Read what this token is",
        description="The municipality of the token, its person, its roles, and the departments"
        " that it reaches. Ask when someone logs in, and with each new access token: rights follow"
        " the configuration and the provider's groups.",
        any_token=True,
        answers={
            200: Answer(description="The rights.", model=TokenAccess, example=examples.ACCESS)
        },
    ),
    Operation(
        method="get",
        path="/grants",
        id="listGrants",
        tag="access",
        summary="List who has which rights in your municipality",
        description="The groups of its identity providers and the tokens, each with its roles,"
        " departments and destinations. No value of a token is in it, and no person: who is in a"
        " group only the provider knows.",
        roles=["rules", "privacy"],
        answers={200: Answer(description="The grants.", model=Grants, example=examples.GRANTS)},
    ),
    Operation(
        method="get",
        path="/departments",
        id="listDepartments",
        tag="access",
        summary="List the departments of your municipality, and which of them are open",
        description="All of them, to choose where a conversation goes. A confidential department is"
        " listed too: conversations can be transferred to it.",
        roles=["send"],
        answers={
            200: Answer(
                description="The departments.", model=Departments, example=examples.DEPARTMENTS
            )
        },
    ),
)


def _number_operation(
    method: Literal["put", "delete"],
    resource: str,
    id: str,
    content: Content,
    summary: str,
    description: str,
) -> Operation:
    return Operation(
        method=method,
        path=f"/numbers/{{id}}/{resource}",
        id=id,
        tag="numbers",
        summary=summary,
        description=description,
        roles=[changes.CONTACT_CENTRE],
        parameters=[NUMBER, KEY],
        content=content,
        answers=_accepted("The command is safe and applies to later messages of citizens."),
        refusals=COMMAND_REFUSALS | {400: [UNFIT_TEXT], 404: [NO_NUMBER], 409: [KEY_USED]},
    )


NUMBERS = (
    Operation(
        method="get",
        path="/numbers",
        id="listNumbers",
        tag="numbers",
        summary="List the numbers of your municipality, each with its state and notice",
        roles=[changes.CONTACT_CENTRE],
        answers={200: Answer(description="The numbers.", model=Numbers, example=examples.NUMBERS)},
    ),
    Operation(
        method="get",
        path="/numbers/{id}/templates",
        id="listTemplates",
        tag="numbers",
        summary="List the templates of a number, and which of them can be used now",
        description="As Meta listed them at `askedAt`: it is asked every hour, and within a minute"
        " after it reports that a template changed. The components show what the citizen will see;"
        " `parameters` are the values that a message with the template must give.",
        roles=["send"],
        parameters=[NUMBER],
        answers={
            200: Answer(
                description="The templates.", model=NumberTemplates, example=examples.TEMPLATES
            )
        },
        refusals={404: [NO_NUMBER]},
    ),
    _number_operation(
        "put",
        "notice",
        "putNotice",
        Content(model=changes.NOTICE, examples={"storm": examples.NOTICE}),
        "Set a notice for citizens",
        "The notice is sent once in each conversation, instead of another automatic text. It ends"
        " at `until`, within 31 days. A new notice replaces the previous one.",
    ),
    _number_operation(
        "delete",
        "notice",
        "deleteNotice",
        Content(
            model=changes.CLEAR_NOTICE,
            examples={"byEmployee": examples.CLEAR_NOTICE},
            description="Required only for a token of people: it names the author.",
            required=False,
        ),
        "Remove the notice",
        "The command succeeds also if there is no notice.",
    ),
    _number_operation(
        "put",
        "state",
        "putState",
        Content(model=changes.STATE, examples=examples.STATES),
        "Open a number, let it only receive, or close it",
        "In every state all messages of citizens are received, routed and archived.",
    ),
)
