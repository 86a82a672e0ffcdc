"""The fate of each message in three places: the router's decisions, the records of the archive and
the events of the CRM. They must agree."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from router.model.decision import AnyDecision, Decision
from router.output.crm_events import decision_json
from services.postgres.primary import Primary
from services.sealing.columns import DECISION, WAMID, bind
from services.sealing.key_ring import RING
from tests.support.observer import Watch, until
from tests.support.router.decisions import DecisionView

RECEIVED = "nl.postkamer.message-received.v1"
_decode = msgspec.msgpack.Decoder(AnyDecision).decode

DECIDED = "select key, message, wamid, decision from router.inbox where wamid <> ''"
ALL = "select key, decision from router.inbox"
ARCHIVED = """
select id::text, conversation, sequence, data from opened.record
where kind = 'message' and data->>'wamid' like $1 order by conversation, sequence
"""
COUNT = "select count(*) from opened.record where kind = 'message' and data->>'wamid' like '{}%'"


class Arrivals:
    """Events at CRMs from some moment on. It has more than the stand-in remembers, when it is read
    in time."""

    def __init__(self, watch: Watch, run: str, last: int) -> None:
        self._watch, self._run, self._last = watch, run, last
        self.all: list[dict[str, Any]] = []
        """Events in order of arrival, with repeats."""
        self._ids: set[str] = set()

    async def read(self) -> int:
        """Read on; of how many messages of the run they were told by now."""
        url = f"{self._watch.town.sandbox}/crm/received"
        while True:
            async with self._watch.session.get(f"{url}?after={self._last}") as answer:
                page = msgspec.json.decode(await answer.read())
            if not page:
                return len(self._ids)
            assert page[0]["n"] == self._last + 1, "the CRM forgot some before they were read"
            self._last = page[-1]["n"]
            self.all += page
            self._ids |= {event["id"] for event in page if self._is_ours(event)}

    def messages(self) -> list[dict[str, Any]]:
        return [event for event in self.all if self._is_ours(event)]

    def _is_ours(self, event: dict[str, Any]) -> bool:
        text = event["event"]["data"].get("text", "")
        return event["type"] == RECEIVED and text.startswith(f"{self._run} ")


async def arriving(watch: Watch, run: str) -> Arrivals:
    """Events at CRMs from this moment on."""
    async with watch.session.get(f"{watch.town.sandbox}/crm/summary") as answer:
        return Arrivals(watch, run, (await answer.json())["count"])


class Seen(msgspec.Struct):
    """Everything of one run, in all places."""

    decided: list[tuple[str, Decision]]
    """(wamid, decision)."""
    archived: list[dict[str, Any]]
    """Records of messages, by conversation and in its order."""
    told: list[dict[str, Any]]
    """Events of messages as the CRM got them, repeats and all, in order of arrival."""

    def first_told(self) -> list[dict[str, Any]]:
        """Each event when it came first."""
        first: dict[str, dict[str, Any]] = {}
        for event in self.told:
            first.setdefault(event["id"], event)
        return list(first.values())

    def texts_at_the_crm(self) -> dict[str, list[str]]:
        return _by_conversation(
            (event["conversationId"], event["event"]["data"]["text"]) for event in self.first_told()
        )

    def texts_in_the_archive(self) -> dict[str, list[str]]:
        return _by_conversation(
            (record["conversation"], record["data"]["text"]) for record in self.archived
        )

    def changed(self) -> list[str]:
        """Events that the CRM was told in two ways."""
        ways: dict[str, set[bytes]] = defaultdict(set)
        for event in self.told:
            ways[event["id"]].add(msgspec.json.encode(event["event"]))
        return [id for id, said in ways.items() if len(said) > 1]

    def disagreements(self) -> Iterator[str]:
        """Faults of each message that was not decided, kept and told once and alike."""
        kept = _grouped((record["data"]["wamid"], record) for record in self.archived)
        told = _grouped((event["event"]["data"]["messageId"], event) for event in self.first_told())
        counts = Counter(wamid for wamid, _ in self.decided)
        yield from (f"{wamid}: decided {n} times" for wamid, n in counts.items() if n != 1)
        yield from (f"{wamid}: kept, and never decided" for wamid in kept if wamid not in counts)
        for wamid, decision in self.decided:
            records, events = kept.get(wamid, []), told.get(str(decision.message), [])
            if [_of_record(record) for record in records] != [_decided(decision, "record")]:
                yield f"{wamid}: decided {decision}, kept {records}"
            if [_of_event(event) for event in events] != [_decided(decision, "event")]:
                yield f"{wamid}: decided {decision}, told {events}"


async def rows(watch: Watch, sql: str, *arguments: Any) -> list[Any]:
    connection = await Primary(watch.town.database.url).connect()
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


async def decided(watch: Watch, run: str) -> list[tuple[str, Decision]]:
    """(wamid, decision) of what was committed until now."""
    found = [(_wamid(row), _decision(row)) for row in await rows(watch, DECIDED)]
    return [each for each in found if each[0].startswith(f"wamid.{run}.")]


def _wamid(row: Any) -> str:
    return RING.unseal_text(row["wamid"], WAMID, bind(row["message"]))


def _decision(row: Any) -> Decision:
    return _decode(RING.unseal(row["decision"], DECISION, bind(row["key"])))


async def of_conversation(watch: Watch, conversation: str, kind: str) -> list[DecisionView]:
    """Decisions of one kind in a conversation."""
    found = [_decision(row) for row in await rows(watch, ALL)]
    views = [DecisionView(decision) for decision in found]
    return [view for view in views if (view.conversation, view.kind) == (conversation, kind)]


async def seen(watch: Watch, arrivals: Arrivals, run: str, total: int, seconds: float) -> Seen:
    """Everything of a run, once there is as much as there must be."""
    kept = COUNT.format(f"wamid.{run}.")
    await until(arrivals.read, lambda n: n >= total, seconds)
    await until(lambda: watch.count(kept), lambda n: n >= total, seconds)
    archived = await rows(watch, ARCHIVED, f"wamid.{run}.%")
    await arrivals.read()
    return Seen(
        decided=await decided(watch, run),
        archived=[dict(row) | {"data": msgspec.json.decode(row["data"])} for row in archived],
        told=arrivals.messages(),
    )


def _decided(decision: Decision, which: str) -> tuple[Any, ...]:
    id = str(decision.record if which == "record" else decision.event)
    place = decision.conversation, decision.sequence, decision.department
    return id, *place, decision_json(decision)


def _of_record(record: dict[str, Any]) -> tuple[Any, ...]:
    data = record["data"]
    place = record["conversation"], record["sequence"], data["department"]
    return record["id"], *place, data["decision"]


def _of_event(event: dict[str, Any]) -> tuple[Any, ...]:
    data = event["event"]["data"]
    place = event["conversationId"], event["sequence"], data["department"]
    return event["id"], *place, data["decision"]


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for key, thing in pairs:
        found[key].append(thing)
    return found


def _by_conversation(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    return _grouped(pairs)
