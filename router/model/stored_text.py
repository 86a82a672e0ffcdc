"""Texts of rows that stay sealed until a decision reads them. Pure: who loads a row says how it
opens."""

from collections.abc import Callable


class Shut(Exception):
    """A text that a decision reads does not open."""


class StoredText:
    """Text as its row has it, sealed. Few decisions read it: the others store it as it is."""

    def __init__(self, sealed: str, opened: Callable[[str], str]) -> None:
        self.sealed, self._opened = sealed, opened

    def plain(self) -> str:
        """Return the text. Raises Shut."""
        return self._opened(self.sealed)


def plain_text(text: str | StoredText) -> str:
    """Return the text itself. Raises Shut."""
    return text if isinstance(text, str) else text.plain()
