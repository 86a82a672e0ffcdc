"""The routes of CRMs: messages to citizens and changes of conversations, answered once safe.

This module finds the faults of a command in its body, its token, the configuration and its
conversation; `gateway.api.command_endpoint` does the rest.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from msgspec import UNSET
from pydantic import TypeAdapter

from gateway.api.command_endpoint import (
    CommandEndpoint,
    CommandRequest,
    conflict,
    transferred_conflict,
    validation_problem,
)
from gateway.api.command_store import CommandStore
from gateway.api.consent_routes import ConsentRoutes
from gateway.api.number_routes import NumberRoutes
from gateway.commands import builder
from gateway.commands.authorization import Access, ConversationView, access_to, read_receipt_refusal
from gateway.commands.graph_payload import UploadReference, upload_of
from gateway.intake import Intake
from gateway.media.upload_store import Upload, UploadStore
from gateway.requests import changes, messages
from gateway.stops import StoppedNumbers
from services import clock
from services.api.json_body import FieldError
from services.config.model import Configuration
from services.contract import REACTION, AttachedFile
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.ids import CONVERSATION, parse_uuid
from services.postgres.shut_rows import RowShut
from services.trial import NOT_ON_GUEST_LIST, is_on_trial


class MessageRoutes:
    def __init__(
        self,
        intake: Intake,
        store: CommandStore,
        uploads: UploadStore,
        config: Configuration,
        keyring: TokenStore,
        stopped: StoppedNumbers,
    ) -> None:
        self._intake, self._store, self._uploads = intake, store, uploads
        self._keyring, self._config = keyring, config
        self._commands = CommandEndpoint(intake, store, config, keyring, stopped)

    def reload(self, config: Configuration) -> None:
        """Use this configuration from the next request on, also for numbers and consent."""
        self._config = self._commands.config = config

    def routes(self) -> list[web.RouteDef]:
        read = require_token(self.read, self._keyring, *changes.COMMAND_ROLES)
        numbers = NumberRoutes(self._commands, self._store, self._keyring)
        return [
            web.post("/v1/messages", self._commands.handler(self.send, "send")),
            web.get("/v1/messages/{id}", read, allow_head=False),
            *(
                web.post(
                    f"/v1/conversations/{{id}}/{verb}",
                    self._commands.handler(self._change_handler(change.kind), *change.roles),
                )
                for verb, change in changes.VERBS.items()
            ),
            *numbers.routes(),
            *ConsentRoutes(self._commands).routes(),
        ]

    async def read(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/messages/{id}: the status of a command of this token."""
        id = parse_uuid(request.match_info["id"])
        message = await self._store.find_message(id, rights) if id else None
        if message is None:
            return problem_response(404, "Not Found", "there is no such message")
        return json_response(message)

    async def send(self, _: web.Request, command: CommandRequest) -> web.Response:
        """POST /v1/messages: answer 202 once a quorum holds the message."""
        body = self._commands.parse_command(command, messages.MESSAGE, messages.COMMON)
        id = body.conversation_id
        conversation = await self._store.find_conversation(id) if id else None
        file, file_faults = await self._find_file(body, command.rights)
        if refusal := await self._message_refusal(body, conversation, command.rights, file_faults):
            await self._commands.raise_unless_accepted(command, refusal)
        new = command.new_command(
            conversation=conversation.id if conversation else "",
            department=conversation.department if conversation else "",
            is_answer=body.type != REACTION,
            last=body.if_last if body.has_if_last else UNSET,
        )
        return await self._commands.accept(
            command,
            new,
            lambda context: builder.build_message(body, conversation, context, self._config, file),
        )

    async def _message_refusal(
        self,
        body: messages.Message,
        conversation: ConversationView | None,
        rights: Rights,
        file_faults: Sequence[FieldError],
    ) -> web.Response | None:
        """Return the refusal of a message by its configuration, file or conversation, or None."""
        faults = builder.message_faults(body, rights, self._config, clock.now())
        faults += file_faults
        access: Access = "allowed"
        if body.conversation_id:
            access = access_to(conversation, rights, body.department or "")
        if access == "unknown":
            faults.append(FieldError("/conversationId", "is no conversation of ours"))
        return _refusal(faults, [access]) or await self._trial_refusal(body, conversation, rights)

    async def _trial_refusal(
        self, body: messages.Message, conversation: ConversationView | None, rights: Rights
    ) -> web.Response | None:
        """Return the refusal of a message to someone who is no guest of a number on trial. With a
        test token nothing leaves, so there is nothing to refuse."""
        number = conversation.number if conversation else body.number or ""
        if rights.test:
            return None
        addressee = conversation.id if conversation else body.to or ""
        trial = await self._store.find_trial(number, addressee)
        configured = self._config.number(number)
        is_configured = configured is not None and configured.trial
        if trial.is_guest or not is_on_trial(trial.state, is_configured=is_configured):
            return None
        detail = "this number is on trial, and sends only to its guest list"
        code = NOT_ON_GUEST_LIST.code
        return problem_response(422, "Unprocessable Content", detail, code=code)

    def _change_handler(
        self, kind: TypeAdapter[Any]
    ) -> Callable[[web.Request, CommandRequest], Awaitable[web.Response]]:
        """POST /v1/conversations/{id}/_verb: answer 202 once a quorum holds the change."""

        async def accept(request: web.Request, command: CommandRequest) -> web.Response:
            body = self._commands.parse_command(command, kind)
            id = request.match_info["id"]
            is_id = CONVERSATION.fullmatch(id)
            conversation = await self._store.find_conversation(id) if is_id else None
            is_alarm = isinstance(body, changes.Confirm)
            owner = builder.expected_owner(body)
            access = access_to(conversation, command.rights, owner, anywhere=is_alarm)
            if conversation is None or access == "unknown":
                return problem_response(404, "Not Found", "there is no such conversation")
            if refusal := await self._change_refusal(body, conversation, command.rights, access):
                await self._commands.raise_unless_accepted(command, refusal)
            return await self._commands.accept(
                command,
                command.new_command(),
                lambda context: builder.build_change(body, conversation, context),
            )

        return accept

    async def _change_refusal(
        self, body: changes.Change, conversation: ConversationView, rights: Rights, access: Access
    ) -> web.Response | None:
        """Return the refusal of a change of a conversation that the token may see, or None."""
        faults = [*builder.change_faults(body, rights, self._config)]
        accesses = [access]
        if isinstance(body, changes.Merge):
            merge_faults = builder.merge_faults(body, conversation)
            if not merge_faults:
                other = await self._store.find_conversation(body.other)
                accesses.append(access_to(other, rights, ""))
                if accesses[-1] == "unknown":
                    merge_faults = [FieldError("/with", "is no conversation of ours")]
            faults += merge_faults
        if answer := _refusal(faults, accesses):
            return answer
        if conversation.closed and isinstance(body, changes.Transfer):
            return conflict("closed", "the conversation is closed")
        refusal = read_receipt_refusal(conversation, self._config)
        return conflict(*refusal) if refusal and isinstance(body, changes.Read) else None

    async def _find_file(
        self, body: messages.Message, rights: Rights
    ) -> tuple[AttachedFile | None, list[FieldError]]:
        """Return the file that a message sends, if any, and its faults."""
        reference = upload_of(body)
        if reference is None:
            return None, []
        try:
            upload = await self._uploads.find(reference.id, rights)
        except RowShut:
            return None, [
                FieldError(reference.pointer, "cannot be opened any more: upload it again")
            ]
        if upload is None:
            return None, [FieldError(reference.pointer, "is no upload of this token")]
        if reference.kind not in (possible := dict.fromkeys((upload.kind, "document"))):
            detail = f"can be sent as {' or '.join(possible)} only"
            return None, [FieldError(reference.pointer, detail)]
        return _attached_file(upload, reference), []


def _attached_file(upload: Upload, reference: UploadReference) -> AttachedFile:
    """Return the file as the record describes it: under the name that the citizen gets, if any."""
    return AttachedFile(
        mime_type=upload.mime_type,
        sha256=upload.sha256.hex(),
        filename=reference.filename or upload.filename,
    )


def _refusal(faults: list[FieldError], accesses: Sequence[Access]) -> web.Response | None:
    """Refuse for all faults, else because a conversation was transferred, else not at all."""
    if faults:
        return validation_problem(sorted(faults))
    return transferred_conflict() if "transferred" in accesses else None
