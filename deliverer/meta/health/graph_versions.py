"""Versions of the Graph API, and the days on which they end. Pure.

Source: developers.facebook.com/docs/graph-api/changelog/versions, as read on 29 November 2026. A
version ends about two years after the next one appears, and Meta then names the day.
"""

import re
from datetime import UTC, datetime, timedelta

from deliverer.meta.health.finding import Finding

READ_ON = "29 November 2026"
ENDS: dict[str, str] = {
    "v26.0": "",
    "v25.0": "2028-07-29",
    "v24.0": "2028-02-18",
    "v23.0": "2027-10-08",
    "v22.0": "2027-05-20",
    "v21.0": "2027-01-21",
    "v20.0": "2026-09-24",
    "v19.0": "2026-05-21",
    "v18.0": "2026-01-26",
    "v17.0": "2025-09-12",
    "v16.0": "2025-05-14",
}
"""Version -> its last day; '' while Meta has not published one."""
NOTICE = timedelta(days=90)
"""Time before the end in which an operator must change the address: three months to plan it."""
VERSION = re.compile(r"/(v[0-9]{1,3}\.[0-9]{1,3})(?:/|$)")

NO_VERSION = (
    "The address of the Graph API names no version: Meta then takes its oldest, which changes."
)
UNKNOWN = (
    "Version {} is not in this release's table of {}: see Meta's changelog for its end, and update"
    " Postkamer."
)
NO_END_YET = "Version {}; Meta had not published its end on {}."
ENDED = "Version {} ended on {}: set POSTKAMER_META_GRAPH_URL to a newer one."
ENDS_SOON = "Version {} ends on {}: set POSTKAMER_META_GRAPH_URL to a newer one before."
LASTS = "Version {} lasts until {}."


def find_version(url: str) -> str:
    """Return the version in an address of the Graph API; '' without one."""
    found = VERSION.search(url)
    return found[1] if found else ""


def judge_version(url: str, now: datetime) -> Finding:
    version = find_version(url)
    if not version:
        return Finding("warning", NO_VERSION)
    if version not in ENDS:
        return Finding("unknown", UNKNOWN.format(version, READ_ON))
    if not (day := ENDS[version]):
        return Finding("fine", NO_END_YET.format(version, READ_ON))
    end = datetime.fromisoformat(day).replace(tzinfo=UTC)
    if end <= now:
        return Finding("wrong", ENDED.format(version, day), end)
    if end - now <= NOTICE:
        return Finding("warning", ENDS_SOON.format(version, day), end)
    return Finding("fine", LASTS.format(version, day), end)
