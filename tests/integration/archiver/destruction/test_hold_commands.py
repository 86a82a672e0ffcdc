"""`postkamer archive hold`, and the hold that goes with the decision of a request."""

from datetime import timedelta
from typing import Any

import pytest

from services import clock
from services.calendar.opening_hours import day_of
from services.postgres.database import Pool
from tests.support.archiver.commands import Archive
from tests.support.archiver.desk import ANNA, BERT, Desk

TODAY = day_of(clock.now())
SOON, LATER = TODAY + timedelta(days=30), TODAY + timedelta(days=90)
BY = ("--by", "P. Bakker")
NEW = ("--ground", "woo", "--review-on", SOON, "--text", "Woo 17", *BY)


async def placed(archive: Archive, *arguments: object) -> Any:
    return await archive.json("hold", "place", *NEW, *arguments)


async def test_commands_take_a_hold_from_its_placing_to_its_lifting(
    desk: Desk, town_archive: Archive, pool: Pool
) -> None:
    hers, _ = await desk.heard((ANNA, "de lantaarn is kapot"), (BERT, "waar is het zwembad"))
    selection = await placed(town_archive, "--words", "zwembad", "--since", "2020-01-01")
    person = await placed(town_archive, "--phone", f"+{ANNA.phone}")
    one = await placed(town_archive, "--conversation", hers)
    assert [each["conversations"] for each in (selection, person, one)] == [1, 1, 1]
    id = one["hold"]["id"]
    await town_archive("hold", "review", id, "--review-on", LATER, "--text", "loopt", *BY)
    shown = await town_archive("hold", "show", id)
    assert shown.stdout.splitlines()[:2] == [
        f"{id} of almelo: woo, conversation {hers}; to be reviewed on {LATER}",
        "covers 1 conversation now",
    ]
    assert "placed by P. Bakker (stated)" in shown.stdout and "loopt" in shown.stdout
    await town_archive("hold", "lift", id, "--text", "klaar", *BY)
    assert "lifted already" in await town_archive.fails("hold", "lift", id, "--text", "x", *BY)
    past = TODAY - timedelta(days=1)
    await pool.execute(
        "update archiver.hold set review_on = $2 where id = $1", person["hold"]["id"], past
    )
    listed = {"": 2, "--overdue": 1, "--all": 3}
    for option, number in listed.items():
        holds = await town_archive.json("hold", "list", *filter(None, [option]))
        assert len(holds) == number
    assert (await town_archive("hold", "list", "--overdue")).stdout.endswith(", overdue\n")
    operations = await pool.fetch("select what, by from access.operation order by id")
    assert [tuple(row) for row in operations] == [
        *[("archive hold place", "P. Bakker")] * 3,
        ("archive hold review", "P. Bakker"),
        ("archive hold show", "S. Jansen"),
        ("archive hold lift", "P. Bakker"),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "fault"),
    [
        ((), 1, "it needs one of a conversation, a person and a selection"),
        (("--conversation", "gisteren"), 2, "--conversation: must be the id of a conversation"),
        (("--words", "de het"), 2, "--words: has no word"),
        (("--since", "2026-02-02", "--until", "2026-02-01"), 2, "--until: must be later than"),
        (("--words", "zwembad", "--review-on", TODAY), 1, "--review-on: must be a day to come"),
        (("--words", "zwembad", "--text", " "), 2, "--text: must not be empty"),
    ],
)
async def test_faulty_order_is_refused_at_its_option(
    desk: Desk, town_archive: Archive, pool: Pool, arguments: tuple[object, ...], code: int,
    fault: str,
) -> None:  # fmt: skip
    error = await town_archive.fails("hold", "place", *NEW, *arguments, code=code)
    assert error.startswith(fault), error
    assert await pool.fetchval("select count(*) from archiver.hold") == 0


async def test_unknown_hold_is_refused(desk: Desk, town_archive: Archive) -> None:
    for step in (["show"], ["lift", "--text", "x", *BY]):
        error = await town_archive.fails("hold", step[0], "BW-2026-9999", *step[1:])
        assert error == "there is no hold 'BW-2026-9999'\n"


async def test_decision_for_the_citizen_keeps_what_is_theirs(
    desk: Desk, town_archive: Archive, pool: Pool
) -> None:
    await desk.heard((ANNA, "laat mijn gegevens met rust"))
    opened = ("--received", TODAY, "--phone", f"+{ANNA.phone}", *BY)
    ids = [
        (await town_archive.json("request", "open", "--kind", kind, *opened))["id"]
        for kind in ("objection", "restriction", "access")
    ]
    decide = ("request", "decide")
    granted = ("--decision", "granted", *BY)
    done = await town_archive(*decide, ids[0], *granted, "--hold-review-on", SOON)
    [hold] = await town_archive.json("hold", "list")
    assert (hold["ground"], hold["kind"]) == ("objection", "person")
    assert f"{hold['id']} keeps what is theirs" in done.stderr
    done = await town_archive(*decide, ids[1], *granted)
    assert "--hold-review-on DAY would have kept them" in done.stderr
    error = await town_archive.fails(*decide, ids[2], *granted, "--hold-review-on", SOON)
    assert error.startswith("--hold-review-on: goes with an objection")
    data = "select data->>'hold' from access.operation where what = 'archive request decide'"
    assert [row[0] for row in await pool.fetch(f"{data} order by id")] == [hold["id"], None]
