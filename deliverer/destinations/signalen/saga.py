"""Saga of a delivery to a Signalen: a series of requests, each of which can be resumed.

A burst of messages becomes one report. It is made as soon as there is work, with what the citizen
wrote so far; what comes later is added to it. A repeated request is preceded by a look at what the
one before has done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from deliverer.crm.response_policy import Verdict
from deliverer.destinations.signalen import payloads
from deliverer.destinations.signalen.archive_reader import ArchiveReader
from deliverer.destinations.signalen.client import (
    BEHIND,
    ROW_SHUT,
    TOO_LARGE,
    UNSETTLED,
    RequestRefused,
    SignalenClient,
    judge_answer,
)
from deliverer.destinations.signalen.messages import (
    AVAILABLE,
    DEFAULT,
    FIXED,
    GIVEN,
    WAITING,
    EventData,
    Message,
    event_message,
    next_pin,
    parse_event,
    recent_messages,
)
from deliverer.destinations.signalen.payloads import (
    ReportHeader,
    ReportOptions,
    file_mark,
    message_mark,
)
from deliverer.destinations.signalen.store import Report, ReportStore
from deliverer.transport.response import Response
from services import clock, event_types
from services.config.organisation import Department
from services.contract import Delivery
from services.postgres.shut_rows import RowShut

DONE = 200
UNREADABLE = Response(status=422, calls=0, body=b"{}")
"""Our own answer for an event that this version cannot decode: it is parked."""
ATTEMPT_SECONDS = 60.0
"""Time limit of all requests of a delivery: below LONGEST_ATTEMPT_SECONDS of a table lease. The
next attempt goes on where this one was."""
ARCHIVE_WAITS = (0.1, 0.3, 0.6, 1.0)
"""Seconds between looks for the message of the event in the archive, which has it a moment after
the event was sent."""
EVER = timedelta(days=3660)
"""Longer than any conversation lasts."""
FIRST = 1
"""Place of the first event of a conversation: nothing comes before it."""


class Calls(NamedTuple):
    """Clients of one delivery."""

    signalen: SignalenClient
    archive: ArchiveReader

    @property
    def total(self) -> int:
        return self.signalen.count + self.archive.count


class DeliveryContext(NamedTuple):
    """Delivery in hand, its decoded event and message, and the clients that make its requests."""

    delivery: Delivery
    event: EventData
    message: Message | None
    calls: Calls

    @property
    def at(self) -> datetime:
        return self.message.at if self.message else self.delivery.time


class SignalenReceiver:
    """Delivers to one Signalen. `department` finds a department by municipality and id."""

    def __init__(
        self,
        destination: str,
        options: ReportOptions,
        burst: timedelta,
        department: Callable[[str, str], Department | None],
        store: ReportStore,
        new_calls: Callable[[], Calls],
    ) -> None:
        self._id, self._options, self._burst = destination, options, burst
        self._department, self._store, self._new_calls = department, store, new_calls
        self._files = asyncio.Lock()
        """Held with a file in hand, so that one at a time is in memory."""
        self._steps: Mapping[str, Callable[[DeliveryContext], Awaitable[None]]] = {
            event_types.RECEIVED: self._on_message,
            event_types.DECIDED: self._on_work,
            event_types.WAITING: self._on_waiting,
            event_types.TRANSFERRED: self._on_transfer,
            event_types.MEDIA_AVAILABLE: self._on_file,
        }
        """Event type -> its step. Events of other types are not delivered: they add nothing to a
        report, and Signalen lets nobody delete one."""

    def judge(self, answer: Response) -> Verdict:
        return judge_answer(answer)

    async def deliver(self, delivery: Delivery, *, may_join: bool = False) -> Response:
        """Make all requests of a delivery; return the answer of the one that failed, if any did."""
        try:
            event = parse_event(delivery)
        except msgspec.DecodeError:
            return UNREADABLE
        message = event_message(delivery, event)
        context = DeliveryContext(delivery, event, message, self._new_calls())
        answer = await self._attempt(context)
        return msgspec.structs.replace(answer, calls=context.calls.total)

    async def _attempt(self, context: DeliveryContext) -> Response:
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                if step := self._steps.get(context.delivery.type):
                    await step(context)
        except RequestRefused as refused:
            return refused.answer
        except RowShut:
            return ROW_SHUT
        except TimeoutError:
            return Response(failure="timeout")
        return Response(status=DONE)

    async def _on_message(self, context: DeliveryContext) -> None:
        """Make a report of a message that is work, or add it to the report that goes on. One that
        is neither, such as a photograph before the words, waits in the archive."""
        message = context.message
        if message is None:
            return
        report = await self._find(context)
        if report is None:
            if context.event.task:
                await self._make(context)
        elif report.event == context.delivery.id:
            await self._complete(context, report)
        elif message.id not in report.told:
            await self._unless_gone(context, report, self._add(context, report, message))

    async def _on_work(self, context: DeliveryContext) -> None:
        """Make a report of what the citizen wrote so far, unless there is one."""
        report = await self._find(context)
        if report is None:
            await self._make(context)
        elif report.event == context.delivery.id:
            await self._complete(context, report)

    async def _on_waiting(self, context: DeliveryContext) -> None:
        """Make a report of a conversation that has none: it was given to this department because
        another did not answer."""
        report = await self._find(context, EVER)
        if report is None or report.event == context.delivery.id:
            await self._on_work(context)

    async def _on_transfer(self, context: DeliveryContext) -> None:
        """Make a report of a conversation that a person gives to a department here, or add to its
        report what was written elsewhere. A rule gives it with the message that comes next. Where
        the former department is confidential, nothing says who gave it."""
        department = self._department(context.delivery.tenant, context.event.department)
        is_given = context.event.by or context.delivery.dataref
        if not (is_given and department and department.destination == self._id):
            return
        report = await self._find(context, EVER)
        if report is None:
            await self._make(context)
        else:
            await self._unless_gone(context, report, self._complete(context, report))

    async def _on_file(self, context: DeliveryContext) -> None:
        """Add the file of a message to its report. A report that is made later takes it along."""
        message = context.delivery.message
        report = await self._find(context)
        if not (report and report.signal and message) or message in report.files:
            return
        for file in context.event.media[:1]:
            state = context.event.state or AVAILABLE
            found = msgspec.structs.replace(file, state=state, reason=context.event.reason)
            known = Message(id=message, at=context.at, file=found)
            await self._unless_gone(context, report, self._add_file(context, report, known))

    async def _find(
        self, context: DeliveryContext, burst: timedelta | None = None
    ) -> Report | None:
        delivery = context.delivery
        burst = self._burst if burst is None else burst
        return await self._store.find(delivery, delivery.message, context.at, burst)

    async def _make(self, context: DeliveryContext) -> None:
        await self._complete(context, await self._store.begin(context.delivery, context.at))

    async def _complete(self, context: DeliveryContext, report: Report) -> None:
        """Create a report, unless that was done, and add what it lacks of its messages and their
        files."""
        messages = await self._messages(context, report)
        if report.signal is None:
            report = await self._create(context, report, messages)
        for message in messages:
            if message.id not in report.told:
                report = await self._add(context, report, message)
            is_settled = message.file and message.file.state != WAITING
            if is_settled and message.id not in report.files:
                await self._add_file(context, report, message)

    async def _messages(self, context: DeliveryContext, report: Report) -> Sequence[Message]:
        """Return the messages of a report: that of its event, and what came before it."""
        own = context.message
        if own and context.delivery.sequence <= FIRST:
            return [own]
        archived = await self._archived(context)
        told = await self._store.told_messages(report)
        return recent_messages(archived, own, context.delivery.time, told)

    async def _archived(self, context: DeliveryContext) -> Sequence[Message]:
        """Return what the archive has, once it has the message of the event."""
        own = context.message
        for seconds in (*ARCHIVE_WAITS, None):
            messages = await context.calls.archive.messages(context.delivery.conversation)
            if own is None or any(message.id == own.id for message in messages):
                return messages
            if seconds is not None:
                await asyncio.sleep(seconds)
        raise RequestRefused(BEHIND)

    async def _create(
        self, context: DeliveryContext, report: Report, messages: Sequence[Message]
    ) -> Report:
        """Create a report once. If an earlier post may have created it, look for it first, and post
        the same messages again: whichever is found later, it has these and no others."""
        if report.posted_at:
            mark = payloads.MARK.format(report.event)
            signal = await context.calls.signalen.find(mark, report.posted_at)
            if signal is not None:
                return await self._store.set_created(report, signal, report.posted, report.pin)
            if report.unsettled:
                raise RequestRefused(UNSETTLED)
            messages = [message for message in messages if message.id in report.posted]
        signal, pin = await self._post(context, report, messages)
        return await self._store.set_created(report, signal, [each.id for each in messages], pin)

    async def _post(
        self, context: DeliveryContext, report: Report, messages: Sequence[Message]
    ) -> tuple[int, str]:
        """Post a report; return its id and its pin. A place that Signalen does not take goes into
        the text."""
        header = ReportHeader(
            event=report.event,
            conversation=report.conversation,
            at=context.at,
            priority=context.event.priority,
            former=await self._store.former_signal(report),
        )
        place = payloads.last_place(messages)
        pin = GIVEN if place else DEFAULT
        try:
            return await self._post_once(context, report, header, messages, pin), pin
        except RequestRefused as refused:
            if place is None or "location" not in refused.fields:
                raise
        header = msgspec.structs.replace(header, refused_place=place)
        return await self._post_once(context, report, header, messages, DEFAULT), DEFAULT

    async def _post_once(
        self,
        context: DeliveryContext,
        report: Report,
        header: ReportHeader,
        messages: Sequence[Message],
        pin: str,
    ) -> int:
        """Post, and store before and after it if its report may exist."""
        await self._store.start_posting(report, [each.id for each in messages], pin)
        try:
            body = payloads.report_body(header, messages, self._options)
            return await context.calls.signalen.create(body)
        except RequestRefused as refused:
            if refused.is_certain:
                await self._store.end_posting(report)
            raise

    async def _add(self, context: DeliveryContext, report: Report, message: Message) -> Report:
        """Add a later message to a report as a note. Its place moves the pin, or is in the note."""
        line, noted, pin = payloads.PLACE_GIVEN, message, next_pin(report.pin, message)
        if report.pin == FIXED:
            line, noted = payloads.PLACE_ELSEWHERE, msgspec.structs.replace(message, place=None)
        text = payloads.addition_text(message, report.conversation, self._options, line)
        if text and not await self._has_note(context, report, message, message_mark(message.id)):
            is_placed = await self._note(context, report, noted, text)
            pin = pin if is_placed else report.pin
        return await self._store.add_message(report, message.id, message.at, pin)

    async def _unless_gone(
        self, context: DeliveryContext, report: Report, work: Coroutine[Any, Any, object]
    ) -> None:
        """Do this on a report. One that is gone there gets a successor, if the event is work."""
        try:
            await work
        except RequestRefused as refused:
            if not refused.is_gone:
                raise
            await self._store.end(report)
            if context.event.task or context.delivery.type == event_types.TRANSFERRED:
                await self._make(context)

    async def _has_note(
        self, context: DeliveryContext, report: Report, message: Message, mark: str
    ) -> bool:
        """Return whether an earlier attempt added the note with this mark. Store that this one is
        going to."""
        assert report.signal is not None
        if message.id in report.tried:
            notes = await context.calls.signalen.notes(report.signal)
            return any(mark in note for note in notes)
        await self._store.start_adding(report, message.id)
        return False

    async def _note(
        self, context: DeliveryContext, report: Report, message: Message, text: str
    ) -> bool:
        """Add a note, and with it the place. One that Signalen does not take goes into the note:
        False."""
        assert report.signal is not None
        client, change = context.calls.signalen, payloads.note_body(text)
        if message.place:
            change["location"] = payloads.location(message.place)
        try:
            await client.change(report.signal, change)
        except RequestRefused as refused:
            if message.place is None or "location" not in refused.fields:
                raise
            text = payloads.addition_text(
                message, report.conversation, self._options, payloads.PLACE_REFUSED
            )
            await client.change(report.signal, payloads.note_body(text))
            return False
        return True

    async def _add_file(self, context: DeliveryContext, report: Report, message: Message) -> None:
        """Add the file of a message, or a note that says where it is."""
        assert report.signal is not None and message.file is not None
        if not await self._attach(context, report, message):
            noted = msgspec.structs.replace(message, place=None)
            if not await self._has_note(context, report, noted, file_mark(message.id)):
                text = payloads.file_note(
                    message.id, message.file, report.conversation, self._options
                )
                await self._note(context, report, noted, text)
        await self._store.add_file(report, message.id)

    async def _attach(self, context: DeliveryContext, report: Report, message: Message) -> bool:
        """Attach a file once. False if this Signalen does not take it, or nobody gets it."""
        file, client = message.file, context.calls.signalen
        assert report.signal is not None and file is not None
        name = payloads.file_name(message.id, file.mime_type)
        is_small = (file.size or 0) <= payloads.MAX_FILE_BYTES
        if name is None or file.state != AVAILABLE or not is_small:
            return False
        if message.id in report.tried:
            addresses = await client.file_addresses(report.signal)
            if any(payloads.is_named_after(each, message.id) for each in addresses):
                return True
        async with self._files:
            content = await context.calls.archive.file(file.link)
            if content is None or len(content) > payloads.MAX_FILE_BYTES:
                return False
            await self._store.start_adding(report, message.id)
            form, kind = payloads.file_form(name, file.mime_type, content, clock.new_id())
            try:
                await client.attach(report.signal, form, kind)
            except RequestRefused as refused:
                if "file" in refused.fields or refused.answer.status == TOO_LARGE:
                    return False
                raise
        return True
