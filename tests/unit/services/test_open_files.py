"""A service may open as many files as it needs, where the system allows it."""

import resource

import pytest

from services.http.server import ACCEPTED_AT_ONCE, INTERNAL_CONNECTIONS, PUBLIC_CONNECTIONS
from services.lifecycle import OPEN_FILES, raise_open_file_limit

UNBOUNDED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [
        (1024, 20_000, (OPEN_FILES, 20_000)),
        (1024, 2000, (2000, 2000)),
        (1024, UNBOUNDED, (OPEN_FILES, UNBOUNDED)),
        (20_000, 20_000, None),
        (UNBOUNDED, UNBOUNDED, None),
    ],
)
def test_open_file_limit_is_raised_as_far_as_needed_and_allowed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, then: tuple[int, int] | None
) -> None:
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: made.append(limits))
    raise_open_file_limit(OPEN_FILES)
    assert made == ([then] if then else [])


def test_connections_of_two_ports_fit_in_the_open_file_limit() -> None:
    assert PUBLIC_CONNECTIONS + INTERNAL_CONNECTIONS + 2 * ACCEPTED_AT_ONCE <= OPEN_FILES - 256
