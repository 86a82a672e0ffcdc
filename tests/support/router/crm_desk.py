"""A desk at which the tests here give orders about one conversation."""

from typing import Any

from router.model.changes import DecidedUnit
from services.contract import Command
from tests.support.router.commands import SANNE, command
from tests.support.router.decisions import decisions
from tests.support.router.harness import Router
from tests.support.router.names import ANNA
from tests.support.router.webhooks import inbound, text


class Desk:
    """One conversation with Anna, and whoever works at it."""

    def __init__(self, words: str = "hallo") -> None:
        self.router = Router()
        self.count = 0
        self.id = self.hears(words).conversation

    def hears(self, words: str) -> Any:
        self.count += 1
        message = text(f"wamid.{self.count}", words, **ANNA)
        [decision] = decisions(self.router.takes(inbound(message, second=self.count)))
        return decision

    def orders(self, type: str, **more: Any) -> list[DecidedUnit]:
        return self.router.takes(self.order(type, **more))

    def order(self, type: str, **more: Any) -> Command:
        self.count += 1
        given = {"conversation": self.id, "author": SANNE, "text": ""} | more
        return command(str(self.count), second=self.count, type=type, **given)

    @property
    def now(self) -> Any:
        return self.router.conversations[self.id]
