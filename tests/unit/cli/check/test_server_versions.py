"""Versions of servers that are too old."""

import pytest

from cli.check.server_versions import (
    describe_broker_fault,
    describe_database_fault,
    parse_version,
)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("4.1.8", (4, 1, 8)),
        ("4.2.0-rc.1", (4, 2, 0)),
        ("15.18 (Debian 15.18-0+deb12u1)", (15, 18, 0)),
        ("18beta1", (18, 0, 0)),
        ("", None),
        ("next", None),
    ],
)
def test_version_is_read_as_servers_write_it(
    text: str, version: tuple[int, int, int] | None
) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["3.13.7", "4.0.5", "4.0.10", "4.1.0", "4.1.7", "4.2.0", "4.2.8"])
def test_broker_with_faults_in_quorum_queues_is_for_trial_only(text: str) -> None:
    assert describe_broker_fault(text).startswith(f"RabbitMQ {text}: ")
    assert "for trial only" in describe_broker_fault(text)


@pytest.mark.parametrize("text", ["4.1.8", "4.1.10", "4.2.9", "4.2.12", "4.3.0", "5.0.0"])
def test_broker_without_those_faults_is_sound(text: str) -> None:
    assert describe_broker_fault(text) == ""


def test_broker_without_a_version_is_named() -> None:
    assert "gives no version" in describe_broker_fault("")


def test_database_must_be_15_or_newer() -> None:
    assert describe_database_fault("14.20") == "PostgreSQL 14.20: must be 15 or newer"
    assert [describe_database_fault(each) for each in ("15.0", "17.6", "18beta1")] == [""] * 3
