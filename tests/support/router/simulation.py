"""A day at the town hall of Hengelo: citizens write, colleagues answer, time passes."""

from datetime import datetime, timedelta
from typing import Any

from router.model.changes import DecidedUnit
from router.model.conversation import Conversation, ConversationState
from router.model.work import RoutingContext
from services.calendar.opening_hours import AMSTERDAM
from services.config.model import Configuration
from services.contract import Delivery, Entry
from services.texts.catalogue import Texts
from tests.support.router.commands import SANNE, command
from tests.support.router.config_full import CONFIG, NUMBER, TEXTS
from tests.support.router.decisions import DecisionView, decisions, events
from tests.support.router.harness import Router
from tests.support.router.names import ANNA, NOON, stamp
from tests.support.router.webhooks import body, change, content_of, receipt

WEDNESDAY = "2026-11-25 13:00"


def wall(clock: str) -> datetime:
    """`2026-11-25 13:00`, as the clock in the Netherlands shows it."""
    return datetime.fromisoformat(clock).replace(tzinfo=AMSTERDAM)


class Stadhuis:
    """One number's day, of one citizen unless others are named. `now` goes on when it is told to,
    and everything that is waited for meanwhile comes."""

    def __init__(
        self,
        start: str | datetime = WEDNESDAY,
        given: Configuration = CONFIG,
        texts: Texts = TEXTS,
        number: str = NUMBER,
        context: RoutingContext | None = None,
    ) -> None:
        self.router = Router(given, texts, context)
        self.now = wall(start) if isinstance(start, str) else start
        self.number = number
        self.body = b""
        self.count = 0
        self.done: list[DecidedUnit] = []
        self.looked: dict[str, int] = {}
        self.id = ""

    def hears(self, words: str = "", type: str = "text", **more: Any) -> DecisionView:
        """A citizen's message: `late` is how many minutes it was on its way, `who` other than Anna,
        `number` other than ours, `content` what it holds instead of words."""
        [decision] = self.hears_again(words, type, **more)
        self.id = decision.conversation or self.id
        return decision

    def hears_again(self, words: str = "", type: str = "text", **more: Any) -> list[DecisionView]:
        """The same, of what may have come before."""
        self.count += 1
        message = {
            "id": more.get("wamid", f"wamid.{self.count}"),
            "timestamp": stamp(self.second - 60 * more.get("late", 0)),
            "type": type,
            type: more.get("content") or content_of(type, words),
        } | _named(more.get("who", ANNA))
        return self.brings("messages", {"messages": [message | more.get("beside", {})]}, **more)

    def brings(self, field: str, lists: dict[str, Any], **more: Any) -> list[DecisionView]:
        """A body of Meta's, for our number unless another is named."""
        self.body = body(change(more.get("number", self.number), field, **lists))
        return self.repeats()

    def repeats(self) -> list[DecisionView]:
        """The last body of Meta's, in a receipt of its own."""
        self.count += 1
        return self.takes(receipt(self.body, second=self.second, name=str(self.count)))

    def taps(self, row: str, title: str = "Iets", **more: Any) -> DecisionView:
        """A row of a list of ours."""
        reply = {"type": "list_reply", "list_reply": {"id": row, "title": title}}
        return self.hears(type="interactive", content=reply, **more)

    def orders(self, type: str, **more: Any) -> DecisionView:
        """Give a colleague's order, in the last conversation unless another is named."""
        self.count += 1
        given = {"conversation": self.id, "number": self.number, "author": SANNE} | more
        given |= {"text": more.get("text", "Goedemiddag" if type == "text" else "")}
        [decision] = self.takes(command(str(self.count), second=self.second, type=type, **given))
        return decision

    def says(self, type: str, text: str = "", **more: Any) -> DecisionView:
        """Give an order of the contact centre for the number: a notice or a state."""
        return self.orders(type, text=text, conversation="", **more)

    def takes(self, *entries: Entry) -> list[DecisionView]:
        return self._kept(self.router.takes(*entries))

    def after(self, **time: float) -> "Stadhuis":
        """Minutes, hours or days later."""
        return self.reaches(self.now + timedelta(**time))

    def until(self, clock: str) -> "Stadhuis":
        return self.reaches(wall(clock))

    def reaches(self, moment: datetime) -> "Stadhuis":
        self.now = moment
        self._kept(self.router.waits(self.second))
        return self

    def _kept(self, said: list[DecidedUnit]) -> list[DecisionView]:
        self.done += said
        return decisions(said)

    @property
    def second(self) -> float:
        return (self.now - NOON).total_seconds()

    @property
    def conversation(self) -> Conversation:
        return self.router.conversations[self.id]

    @property
    def last(self) -> DecisionView:
        return decisions(self.done[-1:])[0]

    @property
    def state(self) -> ConversationState:
        return self.conversation.state

    @property
    def heard(self) -> list[str]:
        """Names of the texts that the citizen got since this was last looked at."""
        return [d.reply.name for d in self._fresh("heard") if d.reply]

    @property
    def bodies(self) -> list[str]:
        """The same, as they were read."""
        return [d.reply.text for d in self._fresh("bodies") if d.reply]

    @property
    def happened(self) -> list[str]:
        """Effects of time-outs since the last look."""
        return [d.effect for d in self._fresh("happened") if d.effect]

    @property
    def woken(self) -> list[str]:
        """Destinations of the alarms since this was last looked at."""
        return [d.alarm.destination for d in self._fresh("woken") if d.alarm]

    @property
    def told(self) -> list[Delivery]:
        """Every event so far."""
        return events(self.done)

    def _fresh(self, what: str) -> list[DecisionView]:
        fresh = self.done[self.looked.get(what, 0) :]
        self.looked[what] = len(self.done)
        return decisions(fresh)


def _named(who: dict[str, str]) -> dict[str, str]:
    people = {"from_user_id": who.get("bsuid", ""), "from": who.get("phone", "")}
    return {name: value for name, value in people.items() if value}
