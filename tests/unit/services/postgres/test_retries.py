"""Repeating work while the database is unavailable, and showing that something waits for it."""

import asyncpg
import pytest

from services import metrics
from services.postgres import database
from services.postgres.database import retry_while_unavailable


def waits() -> float | None:
    return metrics.REGISTRY.get_sample_value("postkamer_database_waits")


class Work:
    """Work that meets these errors, one after the other, and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.waits: list[float | None] = []

    async def __call__(self) -> str:
        self.waits.append(waits())
        if self._errors:
            raise self._errors.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "FIRST_WAIT", 0.001)


async def test_work_waits_for_the_database_from_its_first_failure_until_it_succeeds() -> None:
    work = Work(ConnectionRefusedError(), TimeoutError())
    assert await retry_while_unavailable(work, "batch") == "done"
    assert work.waits == [0, 1, 1] and waits() == 0


async def test_work_with_another_error_is_not_repeated() -> None:
    for errors in ([asyncpg.UniqueViolationError()], [TimeoutError(), ValueError()]):
        work = Work(*errors)
        with pytest.raises(type(errors[-1])):
            await retry_while_unavailable(work, "batch")
        assert len(work.waits) == len(errors) and waits() == 0
