"""Calls of the router's API: trying the rules, and their versions."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from desk.postkamer.client import PostkamerClient


class RuleStep(msgspec.Struct, frozen=True):
    rule: str
    outcome: str
    matched: str = ""


class AutomaticText(msgspec.Struct, frozen=True):
    name: str
    body: str


class WeakSigns(msgspec.Struct, frozen=True, rename="camel"):
    """Danger that the words sound like, by the trained scorer."""

    score: float
    at_least: float
    words: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        return self.score >= self.at_least


class Explanation(msgspec.Struct, frozen=True, rename="camel"):
    """Decision about words that somebody tried, and why."""

    department: str
    name: str
    reason: str
    rule: str | None = None
    steps: tuple[RuleStep, ...] = ()
    care_steps: tuple[RuleStep, ...] = ()
    tags: tuple[str, ...] = ()
    also_about: tuple[str, ...] = ()
    priority: str = ""
    care: str = ""
    care_reason: str = ""
    text: AutomaticText | None = None
    version: str = ""
    weak_signs: WeakSigns | None = None


class Approval(msgspec.Struct, frozen=True):
    by: str
    at: datetime
    identified: str = "stated"


class Version(msgspec.Struct, frozen=True, rename="camel"):
    version: str
    first_at: datetime | None = None
    in_force: bool = False
    waiting: bool = False
    approvals: tuple[Approval, ...] = ()


class _Versions(msgspec.Struct, frozen=True):
    versions: tuple[Version, ...]


class RuleFile(msgspec.Struct, frozen=True):
    name: str
    text: str


class FileChange(msgspec.Struct, frozen=True):
    """Lines of a unified diff."""

    name: str
    diff: tuple[str, ...]


class FullVersion(Version, frozen=True, rename="camel"):
    before: str | None = None
    files: tuple[RuleFile, ...] = ()
    changes: tuple[FileChange, ...] = ()


class Rules:
    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def explain(self, token: str, text: str, number: str = "") -> Explanation:
        """Return where words would go. Raises Refused and Unanswered."""
        body: dict[str, Any] = {"text": text} | ({"number": number} if number else {})
        answer = await self._client.ask("POST", "/v1/rules/_explain", token, body)
        return msgspec.json.decode(answer.body, type=Explanation)

    async def versions(self, token: str) -> tuple[Version, ...]:
        answer = await self._client.ask("GET", "/v1/rules/versions", token)
        return msgspec.json.decode(answer.body, type=_Versions).versions

    async def approve(self, token: str, id: str) -> None:
        """Let the employee stand for a version. Raises Refused and Unanswered."""
        path = f"/v1/rules/versions/{quote(id, safe='')}/_approve"
        await self._client.ask("POST", path, token)

    async def version(self, token: str, id: str) -> FullVersion:
        path = f"/v1/rules/versions/{quote(id, safe='')}"
        answer = await self._client.ask("GET", path, token)
        return msgspec.json.decode(answer.body, type=FullVersion)
