"""Consent through the real tables: what one batch puts on record, the next one knows."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from router.store.store import Store
from services.postgres.database import Pool, connection_pool
from services.sealing.columns import CONSENT, bind
from services.sealing.key_ring import RING
from services.whatsapp.delivery_status import WITHDRAWN
from tests.support.citizens import text, webhook
from tests.support.router.batch_office import ANNA, Office, consent, template


@pytest.fixture
async def office(empty: str, pool: Pool) -> AsyncIterator[Office]:
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        store = Store(own)
        yield Office(store, await store.take_epoch(0))


_CONSENTS = "select * from router.consent order by purpose"
_PURPOSES = "select purpose from deliverer.ledger order by position"


async def consents(pool: Pool) -> list[tuple[str, str, str, str]]:
    """Purpose, source, who recorded it and who ended it."""
    return [
        (row["purpose"], _source(row), row["recorded_by"], row["ended_by"])
        for row in await pool.fetch(_CONSENTS)
    ]


def _source(row: Any) -> str:
    bound = bind(row["tenant"], row["person"], row["purpose"])
    return RING.unseal_text(row["source"], CONSENT, bound)


async def test_consent_is_kept_with_the_message_that_brings_it_and_known_to_the_next_batch(
    office: Office, pool: Pool
) -> None:
    [(_, refused, _)] = await office.takes(office.order("template", **template("a") | _NAMED))
    assert refused.reason.startswith("consent_missing: ")
    assert await pool.fetch(_CONSENTS) == []
    first = office.order("template", **template("a"))
    [(_, sent, _)] = await office.takes(first)
    assert (sent.kind, sent.purpose) == ("accepted", "markt")
    before = await pool.fetchrow("select * from router.consent")
    assert await consents(pool) == [("markt", "balie", "crm", "")]
    [(_, again, _)] = await office.takes(first)  # redelivered: it is known, and nothing changes
    assert again == sent and await pool.fetchrow("select * from router.consent") == before
    [(_, named, _)] = await office.takes(office.order("template", **template("b") | _NAMED))
    assert named.kind == "accepted"
    assert [row["purpose"] for row in await pool.fetch(_PURPOSES)] == ["markt", "markt"]


_NAMED = {"given_at": None, "source": ""}
"""A purpose alone, without the consent."""


async def test_stop_ends_consent_for_the_next_batch_and_what_is_given_later_counts_again(
    office: Office, pool: Pool
) -> None:
    old = template()
    await office.takes(
        office.order("template", **old),
        office.order("consent", to=old["to"], **consent("nieuws")),
    )
    stopped = office.came(webhook(text("STOP", "wamid.1", ANNA)))
    [(_, heard, _)] = await office.takes(stopped)
    assert heard.ended == ("markt", "nieuws")
    ended = [("markt", "balie", "crm", "stop"), ("nieuws", "balie", "crm", "stop")]
    assert await consents(pool) == ended
    for given in (old | _NAMED, old, old | consent("anders", given_at=old["given_at"])):
        [(_, refused, _)] = await office.takes(office.order("template", **given))
        assert refused.reason == str(WITHDRAWN) or refused.purpose == ""
        assert refused.reason.startswith("consent_missing: ")
    [(_, same, _)] = await office.takes(stopped)
    assert same == heard
    anew = old | consent(given_at=office.later)
    [(_, sent, _)] = await office.takes(office.order("template", **anew))
    assert sent.kind == "accepted"
    [markt, nieuws] = await pool.fetch(_CONSENTS)
    assert (markt["ended_by"], nieuws["ended_by"]) == ("", "stop")
    ends = {"to": old["to"], "purpose": "markt"}
    [(_, done, _)] = await office.takes(office.order("withdraw", **ends))
    assert (done.status, done.ended) == ("done", ("markt",))
    [(_, refused, _)] = await office.takes(office.order("template", **anew | _NAMED))
    assert refused.reason == str(WITHDRAWN)


async def test_stop_ends_the_consents_before_it_in_a_batch_and_none_after_it(
    office: Office, pool: Pool
) -> None:
    old = template()
    said = await office.takes(
        office.order("template", **old),
        office.came(webhook(text("STOP", "wamid.1", ANNA))),
        office.order("template", **old | consent(given_at=office.later)),
        office.order("consent", to=old["to"], **consent("nieuws", given_at=office.later)),
        office.came(webhook(text("STOP", "wamid.2", ANNA))),
        office.order("consent", to=old["to"], **consent("afval", given_at=office.later)),
    )
    assert [d.kind for _, d, _ in said].count("refused") == 0
    rows = [(row["purpose"], row["ended_by"]) for row in await pool.fetch(_CONSENTS)]
    assert rows == [("afval", ""), ("markt", "stop"), ("nieuws", "stop")]
    assert await pool.fetchval("select count(*) from router.withdrawal") == 1


async def test_template_without_purpose_is_taken_when_the_citizen_wrote_in_an_earlier_conversation(
    office: Office, pool: Pool
) -> None:
    """The one that was closed last, in which only we wrote, hides nothing."""
    [(_, asked, _)] = await office.takes(office.came(webhook(text("hoi", "w.1", ANNA))))
    await office.takes(office.order("close", conversation=asked.conversation))
    [(_, begun, _)] = await office.takes(office.order("template", **template()))
    assert begun.conversation != asked.conversation
    await office.takes(office.order("close", conversation=begun.conversation))
    unnamed = template() | _NAMED | {"purpose": ""}
    [(_, sent, _)] = await office.takes(office.order("template", **unnamed))
    assert (sent.kind, sent.purpose) == ("accepted", "")
    assert sent.conversation not in (asked.conversation, begun.conversation)
