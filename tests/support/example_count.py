"""Numbers of examples that property tests try: all in a thorough run, a part elsewhere."""

from hypothesis import settings

THOROUGH = "thorough"
PART = 5
"""Share of the examples of a thorough run that an ordinary one tries: one in five."""


def example_count(thorough: int) -> int:
    """Number of examples to try, of so many in a thorough run."""
    if settings.get_current_profile_name() == THOROUGH:
        return thorough
    return max(10, thorough // PART)
