"""A deliverer that is stopped while it claims: at every point of it, against a real PostgreSQL."""

import asyncio
import types
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Generator, Mapping
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from deliverer.meta.graph_api import Verdict
from deliverer.meta.ledger import Ledger
from deliverer.meta.ledger_entry import LedgerEntry
from deliverer.meta.media_upload_store import MediaUploadStore
from deliverer.meta.media_uploader import MediaSource, MediaUploader
from deliverer.meta.send_loop import SendLoop
from deliverer.transport.response import Body, Response
from services import clock
from tests.support.integration.message_provider import NUMBER, Account, Office

TEXT = {"type": "text", "text": {"body": "Ja."}}
IMAGE = {"type": "image", "image": {}}
LONG = 10.0


@types.coroutine
def interrupted(work: Coroutine[Any, Any, None], at: int, late: bool) -> Generator[Any, Any, None]:
    """`work`, cancelled at its await number `at`, counted from 0: as soon as it waits, or `late`:
    when what it waits for has just come, and nobody looks at it any more."""
    task = asyncio.current_task()
    assert task
    steps = work.__await__()
    error: BaseException | None = None
    for number in count():
        try:
            waits_for = steps.throw(error) if error else steps.send(None)
        except StopIteration:
            return
        if number == at and late and waits_for is not None:
            waits_for.add_done_callback(lambda _: task.cancel())
        elif number == at:
            task.cancel()
        error = None
        try:
            yield waits_for
        except BaseException as raised:
            error = raised


async def stopped(work: Coroutine[Any, Any, None], at: int, late: bool) -> None:
    async def run() -> None:
        await interrupted(work, at, late)

    async with asyncio.timeout(LONG):
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(run())


class Poster:
    """Takes everything, once it may answer; says first what it was told to say."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.posts = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response:
        self.posts += 1
        if self.answers:
            return self.answers.pop(0)
        await self.may_answer.wait()
        return Response(status=200, body=b'{"messages": [{"id": "wamid.1"}]}')


class Heard:
    """A ledger of which is counted what it did. `lost` answers to `settle` do not come, until the
    next claim has found something."""

    def __init__(self, ledger: Ledger, lost: int = 0) -> None:
        self._ledger, self._lost = ledger, lost
        self._found = asyncio.Event()
        self.done: Counter[str] = Counter()

    async def resume_stopped(self) -> None:
        await self._ledger.resume_stopped()

    async def defer_for_quiet_hours(self, nights: Mapping[str, tuple[datetime, str]]) -> None:
        await self._ledger.defer_for_quiet_hours(nights)

    async def claim(
        self,
        limit: int,
        held: Collection[str],
        rooms: Mapping[str, int],
        rates: Mapping[str, float],
        unknown_after: float | None,
    ) -> list[LedgerEntry]:
        lines = await self._ledger.claim(limit, held, rooms, rates, unknown_after)
        self.done["claim"] += 1
        if lines and self.done["settle"]:
            self._found.set()
        return lines

    async def settle(self, line: LedgerEntry, verdict: Verdict, at: datetime) -> None:
        await self._ledger.settle(line, verdict, at)
        self.done["settle"] += 1
        if self._lost:
            self._lost -= 1
            await self._found.wait()
            raise TimeoutError

    async def release(self, held: Collection[str]) -> None:
        await self._ledger.release(held)
        self.done["let_go"] += 1


def sending(office: Office, ledger: Any, poster: Poster, account: Account) -> Any:
    note = office.attempts.append
    return SendLoop(ledger, poster, {NUMBER: account}, note).run()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("late", [False, True])
async def test_a_message_that_was_claimed_as_the_end_came_is_not_left_behind(
    place: tuple[Office, Account], late: bool
) -> None:
    office, account = place
    id = await office.queue(TEXT)
    poster = Poster()
    for at in count():
        ledger = Ledger(office.pool, clock.new_id(), {NUMBER: account.name})
        await stopped(sending(office, ledger, poster, account), at, late)
        state = (await office.line(id))["state"]
        assert (at, state) == (at, "sent" if poster.posts else "queued")
        if poster.posts:
            break
    assert poster.posts == 1


@pytest.mark.parametrize("late", [False, True])
async def test_a_file_that_was_claimed_as_the_end_came_is_free_for_the_next_process(
    place: tuple[Office, Account], late: bool
) -> None:
    office, account = place
    id = await office.queue(IMAGE, media=await office.uploaded(b"\x89PNG"))
    names = {NUMBER: account.name}
    poster, ledger = Poster(), Ledger(office.pool, clock.new_id(), names)
    for at in count():
        uploads = MediaUploadStore(office.pool, clock.new_id(), names)
        files, note = MediaSource(office.store), office.attempts.append
        carrier = MediaUploader(uploads, ledger, files, poster, {NUMBER: account}, note)
        await stopped(_uploading(carrier), at, late)
        if poster.posts:
            break
        taken = "select count(*) from deliverer.upload where due_at > now()"
        assert (at, await office.pool.fetchval(taken)) == (at, 0)
    assert (at > 3, (await office.line(id))["state"]) == (True, "queued")


async def _uploading(carrier: MediaUploader) -> None:
    """The work of an uploader from its first statement on, as the service runs it."""
    await carrier.prepare()
    await carrier.run()


async def test_send_in_flight_is_finished_when_the_sender_stops(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    id = await office.queue(TEXT)
    poster = Poster()
    poster.may_answer.clear()
    ledger: Any = Heard(Ledger(office.pool, clock.new_id(), {NUMBER: account.name}))
    work = asyncio.create_task(sending(office, ledger, poster, account))
    await until(lambda: poster.posts == 1)
    work.cancel()
    await until(lambda: ledger.done["let_go"] == 1)
    assert ((await office.line(id))["state"], work.done()) == ("sending", False)
    poster.may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (await office.line(id))["state"] == "sent"


async def test_an_attempt_whose_end_is_learnt_late_does_not_make_the_next_one_go_twice(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    id = await office.queue(TEXT)
    body = b'{"error": {"code": 130429}}'
    poster = Poster(Response(status=429, body=body, retry_after=0.01))
    poster.may_answer.clear()
    ledger: Any = Heard(Ledger(office.pool, clock.new_id(), {NUMBER: account.name}), lost=1)
    work = asyncio.create_task(sending(office, ledger, poster, account))
    await until(lambda: ledger.done["settle"] == 2)  # the first attempt, and again
    claims = ledger.done["claim"]
    await until(lambda: ledger.done["claim"] >= claims + 2)
    work.cancel()
    await until(lambda: ledger.done["let_go"] == 1)
    assert (poster.posts, (await office.line(id))["state"]) == (2, "sending")
    poster.may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    line = await office.line(id)
    assert (line["state"], line["attempt"]) == ("sent", 2)
