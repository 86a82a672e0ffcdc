"""Days and moments in the words of each language."""

from datetime import UTC, datetime, timedelta

import pytest

from services.calendar.opening_hours import AMSTERDAM
from services.calendar.spoken_dates import (
    format_day,
    format_moment,
    load_date_words,
    month_names,
)
from services.language.readability import SENTENCE, words


def local(text: str) -> datetime:
    """Moment at which the clock in Amsterdam shows this."""
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "dutch"),
    [
        (local("2026-11-30 09:00"), "maandag 30 november om 09.00 uur"),
        (local("2026-03-01 13:30"), "zondag 1 maart om 13.30 uur"),
        (datetime(2026, 12, 31, 23, 5, tzinfo=UTC), "vrijdag 1 januari om 00.05 uur"),
        (datetime(2026, 7, 31, 22, 0, tzinfo=UTC), "zaterdag 1 augustus om 00.00 uur"),
    ],
)
def test_moment_is_formatted_in_dutch_by_the_clock_of_amsterdam(at: datetime, dutch: str) -> None:
    assert format_moment(at) == dutch


def test_moment_and_day_are_formatted_in_english_too() -> None:
    at = datetime(2026, 11, 30, 8, 5, tzinfo=UTC)
    assert format_moment(at, "en") == "Monday 30 November at 9:05"
    assert (format_day(at, "en"), format_day(at)) == ("Monday 30 November", "maandag 30 november")


SPOKEN = [
    ("de", "Montag, 30. November", "Montag, 30. November, 9:05 Uhr"),
    ("tr", "30 Kasım Pazartesi", "30 Kasım Pazartesi, saat 9:05"),
    ("pl", "poniedziałek 30 listopada", "poniedziałek 30 listopada, godzina 9:05"),
    ("ar", "الاثنين 30 نوفمبر", "الاثنين 30 نوفمبر الساعة 9:05"),
    ("uk", "понеділок 30 листопада", "понеділок 30 листопада, 9:05"),
    ("fr", "maandag 30 november", "maandag 30 november om 09.05 uur"),  # no words: in Dutch
]


@pytest.mark.parametrize(("language", "day", "moment"), SPOKEN)
def test_moment_and_day_are_formatted_in_each_language(
    language: str, day: str, moment: str
) -> None:
    at = datetime(2026, 11, 30, 8, 5, tzinfo=UTC)
    assert (format_day(at, language), format_moment(at, language)) == (day, moment)


def test_each_language_has_words_for_each_day_of_a_year() -> None:
    year = [local("2027-01-01 12:00") + timedelta(days=day) for day in range(365)]
    for language in load_date_words():
        assert len(set(month_names(language))) == 12
        assert len({format_day(at, language) for at in year}) == 365
        assert max(words(format_moment(at, language)) for at in year) < SENTENCE // 2
