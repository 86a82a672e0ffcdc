"""Text of a citizen as other systems take it, within their limits. Pure."""

KIND_LABELS = {
    "image": "Foto", "video": "Video", "audio": "Spraakbericht", "document": "Document",
    "sticker": "Sticker", "location": "Locatie", "contacts": "Contactgegevens",
    "reaction": "Reactie",
}  # fmt: skip
"""Type of a message -> its name for employees."""


def clean(text: str) -> str:
    """Remove NUL, which Django's text fields refuse, and surrounding blanks, which they strip."""
    return text.replace("\0", "").strip()


def shorten(text: str, limit: int) -> str:
    """Return the text within a limit; … shows that it was longer."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
