"""Calls of the router about the month's figures."""

import msgspec

from desk.postkamer.client import REPORT_TIMEOUT, PostkamerClient
from desk.postkamer.figures import Month


class FigureReader:
    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def month(self, token: str, month: str = "") -> Month:
        """Return the figures of a month, by default of the present one. Raises Refused and
        Unanswered."""
        query = f"?month={month}" if month else ""
        answer = await self._client.ask("GET", f"/v1/figures{query}", token)
        return msgspec.json.decode(answer.body, type=Month)

    async def report(self, token: str, month: str, form: str) -> bytes:
        """Return the report of a month, as PDF or CSV. Raises Refused and Unanswered."""
        path, headers = f"/v1/figures/report?month={month}", {"Accept": form.partition(";")[0]}
        answer = await self._client.ask("GET", path, token, headers=headers, timeout=REPORT_TIMEOUT)
        return answer.body
