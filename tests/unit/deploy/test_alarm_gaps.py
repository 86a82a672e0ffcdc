"""Alarms for events after a gap in scraping: old events are not told again, new ones are."""

from pathlib import Path

import pytest

from router.model.work import UNPROVEN
from tests.support.promtool import SCRAPED, AlarmCase, load_rules, needs_promtool, run_cases

TARGET = 'job="postkamer",instance="a:9083"'
# With service="archiver", a target that does not answer is no PostkamerServiceDown.
UP = f'up{{{TARGET},service="archiver"}}'
EVENTS = {
    "NoticeAlarm": 'postkamer_notice_alarms_total{field="security",event="PIN_CHANGED",%s}',
    "UnprovenItems": f'postkamer_quarantined_total{{reason="{UNPROVEN}",%s}}',
    "FirstSighting": 'postkamer_first_sightings_total{kind="field",%s}',
    "NumberStopped": 'postkamer_sends_total{number="1",outcome="stopped",%s}',
    "OpenKlantActor": 'postkamer_openklant_looks_total{destination="ok",outcome="actor",%s}',
    "FileQuarantined": 'postkamer_media_total{outcome="quarantined",%s}',
    "FileDamaged": "postkamer_media_damaged_total{%s}",
    "ArchiveShut": "postkamer_archive_shut_total{%s}",
    "ArchiveForked": "postkamer_archive_forks_total{%s}",
    "WitnessRefused": 'postkamer_archive_witness_answers_total{witness="w",outcome="refused",%s}',
    "OperationUnproven": "postkamer_operations_unproven_total{%s}",
    "RowsShut": 'postkamer_rows_shut_total{table="router.held",%s}',
    "AttemptsUnrecorded": "postkamer_attempts_unrecorded_total{%s}",
}
"""Alarm -> its counter."""


GAP = "_x29"  # minutes 61 to 89
SINCE_RETURN = tuple(90 + minutes for minutes in (0, 3, 7, 16, 20, 61, 70))


def case(name: str, values: str, up: str, fires: int | None, *silent: int) -> AlarmCase:
    """All counters at once: the minute at which all alarms are on, and those at which none is."""
    series = {each % TARGET: values for each in EVENTS.values()} | SCRAPED | {UP: up}
    alarms = sorted(f"Postkamer{each}" for each in EVENTS) if fires else []
    return AlarmCase(name, series, fires or silent[0], alarms, silent)


CASES = [
    case("Prometheus was away", f"1x60 {GAP} 1x90", f"1x60 {GAP} 1x90", None, *SINCE_RETURN),
    case("no way to the service", f"1x60 {GAP} 1x90", "1x60 0x28 1x90", None, *SINCE_RETURN),
    case("an event in the gap", f"1x60 {GAP} 2x90", f"1x60 {GAP} 1x90", 92, 155),
    case("the first after a restart", "1x30 _x90 1x90", "1x211", 123, 185),
]


def test_every_alarm_for_an_event_is_tried_here() -> None:
    events = {each["alert"] for each in load_rules() if "last_over_time" in each["expr"]}
    assert events == {f"Postkamer{alarm}" for alarm in EVENTS}


def test_no_other_alarm_takes_an_old_counter_for_a_new_one() -> None:
    for each in load_rules():
        assert ("offset" in each["expr"]) == ("last_over_time" in each["expr"]), each["alert"]


@pytest.mark.slow
@needs_promtool
def test_gap_repeats_no_alarm_and_hides_none(tmp_path: Path) -> None:
    run_cases(CASES, tmp_path)
