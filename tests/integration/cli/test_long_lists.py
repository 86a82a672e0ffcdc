"""A list stops at 1,000 entries, and says so if there are more."""

import json

import pytest

from cli.support.output import MAX_LISTED, print_list
from tests.support.cli.command_line import postkamer
from tests.support.integration.parked_deliveries import on

NOTE = "these are the first 1,000; there are more\n"
FILL = (
    """
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at)
select gen_random_uuid(), 'almelo', '1', '1-a', 'kcc', 'accepted', now()
from generate_series(1, $1::int)
""",
    """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, state, due_at, claimed_at, created_at)
select id, number, conversation, 1, gen_random_uuid(), 'phone', '', '{}', 'unconfirmed', now(),
    now(), now()
from router.outgoing
where $1 > 0
""",
    """
insert into archiver.media (id, tenant, number, conversation, department, announced, sealed,
    sent_at, state)
select gen_random_uuid(), 'almelo', '1', '1-a', 'kcc', '{}', '', now(), 'waiting'
from generate_series(1, $1::int)
""",
    """
insert into archiver.quarantine (id, reason, salt, sealed)
select gen_random_uuid(), 'it cannot be sealed', '', '' from generate_series(1, $1::int)
""",
)


def test_list_that_stops_too_early_says_so(fresh: str) -> None:
    for sql in FILL:
        on(fresh, lambda pool, sql=sql: pool.execute(sql, MAX_LISTED + 1))
    env = {"POSTKAMER_DATABASE_URL": fresh}
    for line in ("sends list", "files list", "archive aside list"):
        done = postkamer(*line.split(), env=env)
        assert (done.exit_code, done.stderr) == (0, NOTE), line
        done = postkamer(*line.split(), "--json", env=env)
        assert (len(json.loads(done.stdout)), done.stderr) == (MAX_LISTED, "")


def test_list_that_is_whole_has_no_note(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(["one"] * MAX_LISTED, list, as_json=False, empty="none")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("one\n" * MAX_LISTED, "")
