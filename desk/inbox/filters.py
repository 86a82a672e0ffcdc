"""Filters of the inbox: a name, and a condition on the rows of desk.conversation. Pure."""

from typing import Literal, get_args

Filter = Literal["waiting", "mine", "nobodys", "urgent", "ending", "citizen", "closed"]
FILTERS: tuple[Filter, ...] = get_args(Filter)
FIRST: Filter = "waiting"

CONDITIONS: dict[Filter, str] = {
    "waiting": "is_open and waiting_since is not null",
    "mine": "is_open and assignee = own_name",
    "nobodys": "is_open and waiting_since is not null and assignee = ''",
    "urgent": "is_open and (priority in ('high', 'urgent') or care <> '')",
    "ending": "is_open and waiting_since is not null and window_until < day_ends",
    "citizen": "is_open and waiting_since is null",
    "closed": "not is_open",
}
"""Filter -> SQL, in which own_name is the employee and day_ends the end of today."""

ORDER = """
care <> '' desc, waiting_since is null,
case when waiting_since is null then 0 when priority = 'urgent' then 1 when priority = 'high' then 2
else 3 end, waiting_since, last_at desc, id
"""
"""Danger that nobody confirmed comes first. Of those who wait the urgent ones follow, then those
that go first, as a possible danger does; of equals whoever waits longest."""


def parse_filter(text: str) -> Filter | None:
    """Return the filter with this name."""
    return next((each for each in FILTERS if each == text), None)
