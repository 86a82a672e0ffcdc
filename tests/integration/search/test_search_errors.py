"""What is asked otherwise than it should be, or is too much, is told so; nothing is found by it."""

from typing import Any

import pytest

from services.postgres.database import Pool
from tests.support.decrypted_record import writer_of
from tests.support.integration.search_fixture import asking, message, rights_of


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"words": "het is er"}, ["/words"]),
        ({"words": "!?"}, ["/words"]),
        ({"words": ""}, ["/words"]),
        ({"words": None}, ["/words"]),
        ({"words": " ".join(map(str, range(21)))}, ["/words"]),
        ({"anyOf": ["zwembad", "het"]}, ["/anyOf/1"]),
        ({"anyOf": ["zwembad"] * 11}, ["/anyOf"]),
        ({"from": "2026-11-20", "until": "gisteren"}, ["/from", "/until"]),
        ({"from": "2026-11-20T12:00:00Z", "until": "2026-11-20T13:00:00+01:00"}, ["/until"]),
        (
            {"person": {"kind": "email", "value": "a@example.org"}},
            ["/person/kind", "/person/value"],
        ),
        ({"person": {"kind": "phone"}}, ["/person/value"]),
        ({"departments": ["BALIE"], "types": [""]}, ["/departments/0", "/types/0"]),
        ({"direction": "up", "order": "best", "count": "all"}, ["/count", "/direction", "/order"]),
        ({"limit": 0}, ["/limit"]),
        ({"limit": 201}, ["/limit"]),
        ({"limit": "50"}, ["/limit"]),
        ({"after": "5", "asOf": -1}, ["/after", "/asOf"]),
        ({"after": f"{'a' * 48}.{'0' * 32}", "asOf": "b" * 48}, ["/after"]),
        ({"asOf": "a" * 48}, ["/asOf"]),
        ({"asOf": 6}, ["/asOf"]),
        ({"conversation": "x", "tenant": "hengelo"}, ["/conversation", "/tenant"]),
        ([], [""]),
        (b"{", [""]),
        (b'{"words": "\\u0000"}', ["/words"]),
        (b'{"words": "\\ud800"}', ["/words"]),
        (b'{"limit": 1e3}', ["/limit"]),
    ],
)
async def test_every_fault_of_a_question_is_told_at_once(
    pool: Pool, body: Any, wrong: list[str]
) -> None:
    async with asking(pool, rights_of()) as ask:
        status, told = await ask.post(body)
    assert (status, [fault["pointer"] for fault in told.get("errors", ())]) == (400, wrong)


async def test_a_body_that_is_too_large_is_not_read(pool: Pool) -> None:
    async with asking(pool, rights_of()) as ask:
        assert (await ask.post(b'{"words": "%s"}' % (b"a" * 70_000)))[0] == 413


async def test_what_takes_too_long_is_said_to_be_too_broad(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the table is locked nothing is found in any time."""
    await (await writer_of(pool)).add([message("vol")])
    async with (
        asking(pool, rights_of()) as ask,
        pool.acquire() as other,
        other.transaction(),
    ):
        await other.execute("lock table archiver.searchable in access exclusive mode")
        status, told = await ask.post({"words": "vol"})
    assert (status, told["code"]) == (400, "too_broad")
