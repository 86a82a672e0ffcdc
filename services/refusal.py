"""The refusal of a command, as a value. Pure."""

from typing import NamedTuple


class Refusal(NamedTuple):
    """Reason to refuse a command; None in its place means that the command is allowed."""

    code: str
    """Code for the CRM."""
    detail: str
    """One sentence for the sender, without personal data."""

    def __str__(self) -> str:
        """Reason in the status of the command, as the CRM reads it."""
        return f"{self.code}: {self.detail}"
