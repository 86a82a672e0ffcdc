"""A simulated year under the rule of silence, and what the commands print of it."""

import json
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from random import Random
from statistics import median

import pytest

from cli.silence.silence import HOURS
from cli.silence.simulation import (
    BEGIN,
    DEATHS,
    LONGEST_BOUND,
    MIDDLE_BOUND,
    Town,
    simulate_year,
)
from cli.silence.traffic import simulate_traffic
from services.calendar.opening_hours import AMSTERDAM, compile_hours
from tests.support.cli.command_line import postkamer


@pytest.mark.parametrize("per_day", [20, 50])
def test_year_has_at_most_one_false_alarm_a_month_and_each_silence_is_found(per_day: int) -> None:
    year = simulate_year(per_day, 21, compile_hours(HOURS, ()))
    assert max(year.false_alarms) <= 1
    assert (len(year.found), year.unjudged) == (DEATHS, 0)
    assert all(each.open_hours >= 2 for each in year.found)
    assert 10 <= median(each.missed for each in year.found) <= MIDDLE_BOUND
    assert year.is_on_target


def test_silence_of_a_number_that_is_always_open_is_found() -> None:
    town = Town(30, Random(21), compile_hours("24/7", ()))
    found = town.find_silence(BEGIN + timedelta(weeks=10))
    assert found and 0 < found.missed < LONGEST_BOUND


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("router.silence.usual_gap.SHARE", 0.95),
        ("router.silence.detection.USUAL_GAPS", 1000),
    ],
)
def test_rule_that_alarms_late_or_never_misses_the_target(
    name: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name, value)
    monkeypatch.setattr("cli.silence.simulation.DEATHS", 6)
    year = simulate_year(50, 21, compile_hours(HOURS, ()))
    assert (max(year.false_alarms), year.is_on_target) == (0, False)


def test_number_with_some_messages_a_month_is_not_judged_and_has_no_false_alarm() -> None:
    year = simulate_year(0.1, 3, compile_hours(HOURS, ()))
    assert (sum(year.false_alarms), year.unjudged, year.found) == (0, DEATHS, [])
    assert year.is_on_target


def test_town_writes_in_its_daily_and_weekly_shape_and_once_not_for_a_weekend() -> None:
    messages = simulate_traffic(50, Random(1))
    assert messages == sorted(messages) == simulate_traffic(50, Random(1))
    by_weekday = Counter(at.astimezone(AMSTERDAM).weekday() for at in messages)
    by_hour = Counter(at.astimezone(AMSTERDAM).hour for at in messages)
    by_month = Counter(at.astimezone(AMSTERDAM).month for at in messages if at.year == 2026)
    assert by_weekday[0] > by_weekday[4] > by_weekday[5] > by_weekday[6]
    assert by_hour[10] > by_hour[13] > by_hour[20] > by_hour[2]
    assert by_month[8] == min(by_month.values())
    assert max(after - before for before, after in pairwise(messages)) >= timedelta(hours=63)


def test_command_prints_a_table_and_ends_with_1_if_a_target_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = postkamer("silence", "simulate", "--per-day", "20", "--seed", "1")
    _, columns, row = done.stdout.splitlines()
    assert (done.exit_code, columns.split()[:4]) == (0, ["a", "day", "seed", "Jan"])
    assert row.split()[:2] == ["20", "1"] and row.endswith("  ok")
    monkeypatch.setattr("cli.silence.simulation.MOST_FALSE", -1)
    missed = postkamer("silence", "simulate", "--per-day", "20", "--seed", "1", "--json")
    [year] = json.loads(missed.stdout)
    assert missed.exit_code == 1
    assert (year["perDay"], year["seed"], len(year["falseAlarms"])) == (20, 1, 12)
    assert {*year["found"][0]} == {"deadAt", "hours", "openHours", "missed"}
    refused = postkamer("silence", "simulate", "--hours", "sometimes")
    assert (refused.exit_code, "--hours" in refused.output) == (2, True)
