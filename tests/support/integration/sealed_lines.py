"""Lines of the ledger that a test inserts by a statement of its own, sealed as a router does."""

from typing import Any

from services.postgres.database import Connection, Pool
from services.sealing.columns import EMPLOYEE, WAMID, bind, bind_ledger, seal_content
from services.sealing.key_ring import RING


async def seal_lines(pool: "Pool | Connection") -> None:
    """Seal the content, the wamids and the author of every line that is open."""
    rows = await pool.fetch("select * from deliverer.ledger where not content ? 'sealed'")
    await pool.executemany(_SEAL, [_sealed_line(row) for row in rows])


def _sealed_line(row: Any) -> tuple[Any, ...]:
    id = row["id"]
    return (
        id,
        seal_content(row["content"].encode(), bind_ledger(row)).decode(),
        _sealed(row["wamid"], WAMID, bind(id)),
        _sealed(row["about_wamid"], WAMID, bind(row["about"])),
        _sealed(row["author"], EMPLOYEE, bind(id)),
    )


def _sealed(text: str, use: str, bound: bytes) -> str:
    return text if text.startswith("~") else RING.seal_text(text, use, bound)


_SEAL = """
update deliverer.ledger set content = $2, wamid = $3, about_wamid = $4, author = $5 where id = $1
"""
