"""Texts of rows that stay sealed until a decision reads them. Pure: who loads a row says how it
opens."""

from collections.abc import Callable


class Shut(Exception):
    """A text that a decision reads does not open."""


class StoredText:
    """Text as its row has it, sealed. Few decisions read it: the others store it as it is."""

    def __init__(self, sealed: Callable[[], str], opened: Callable[[], str]) -> None:
        self._sealed, self._opened = sealed, opened

    def sealed(self) -> str:
        """Return the text as it is stored."""
        return self._sealed()

    def plain(self) -> str:
        """Return the text. Raises Shut."""
        return self._opened()


def plain_text(text: str | StoredText) -> str:
    """Return the text itself. Raises Shut."""
    return text if isinstance(text, str) else text.plain()
