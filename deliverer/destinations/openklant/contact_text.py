"""Text of a contact, as employees read it in ITA and KISS, within Open Klant's limits. Pure.

Neither shows a file, a place or another contact: all that a citizen sent stands in the text.
"""

import re
from typing import Any

from deliverer.destinations.citizen_text import KIND_LABELS, clean, shorten
from deliverer.destinations.openklant.events import EventData, PayloadOptions
from services.contract import Delivery

Json = dict[str, Any]

MAX_SUBJECT, MAX_TEXT = 200, 1000
"""Longest `onderwerp`; `inhoud` and `toelichting`, in characters."""
NEUTRAL_SUBJECT = "Bericht via WhatsApp"
IN_ARCHIVE = "De inhoud staat in het archief: "
FILE_LINE = "[bestand {}] {}"
PLACE_LINE = "Plaats: {:.5f}, {:.5f}"
"""Latitude and longitude to a metre, as every map takes them."""
TRUNCATED, MORE = "… [ingekort; het geheel: ", "… [ingekort; er kwam meer; het geheel: "
FULL = re.compile(r"(.*)… \[ingekort; (?:er kwam meer; )?het geheel: \S+\]", re.DOTALL)
"""A text that was cut: its first part, and the address of all of it."""


def describe_message(delivery: Delivery, event: EventData, options: PayloadOptions) -> str:
    """Return the text of a message, or the address where it can be read.

    Its files and its place come first, so that a long text never pushes them out.
    """
    if delivery.dataref:
        return IN_ARCHIVE + options.archiver + delivery.dataref
    if delivery.message is None or event.status:  # a transfer, or a contact that was deleted
        return IN_ARCHIVE + conversation_url(delivery, options)
    kind = KIND_LABELS.get(event.type, "")
    lines = [
        FILE_LINE.format(" ".join(clean(one.filename).split()), options.archiver + one.link)
        for one in event.media
    ]
    if event.place:
        lines.append(PLACE_LINE.format(event.place.latitude, event.place.longitude))
    lines.append(" ".join(filter(None, (f"[{kind.lower()}]" if kind else "", clean(event.text)))))
    whole = "\n".join(line for line in lines if line).strip()
    return truncate(whole, f"{options.archiver}/v1/messages/{delivery.message}")


def extend_text(previous: str, addition: str, url: str) -> str:
    """Return the text of a contact with one more message. A full text says that more came, and
    where all of it is."""
    full = FULL.fullmatch(previous) if len(previous) == MAX_TEXT else None
    if full is None:
        return truncate(f"{previous}\n\n{addition}".strip(), url)
    rest = f"{MORE}{url}]"
    return full[1][: MAX_TEXT - len(rest)] + rest


def conversation_url(delivery: Delivery, options: PayloadOptions) -> str:
    """Return the address of the conversation: that for employees, else the archiver's."""
    if options.link:
        return options.link.replace("{conversation}", delivery.conversation)
    return f"{options.archiver}/v1/conversations/{delivery.conversation}/messages"


def truncate(whole: str, url: str) -> str:
    """Return the text within the limit; if it is too long, end with the address of all of it."""
    if len(whole) <= MAX_TEXT:
        return whole
    rest = f"{TRUNCATED}{url}]"
    return whole[: MAX_TEXT - len(rest)] + rest


def describe_subject(event: EventData) -> str:
    """Return the first line, or a description: a subject must not be blank. It is all that lists
    show, and Open Klant logs it."""
    first, _, _ = clean(event.text).partition("\n")
    kind = KIND_LABELS.get(event.type, "Bericht")
    return shorten(first.strip(), MAX_SUBJECT) or f"{kind} via WhatsApp"


def describe_outgoing(content: Json) -> str:
    """Return the text of a message in Meta's format."""
    kind = str(content.get("type", ""))
    inner = content.get(kind) or {}
    body = inner.get("body")
    text = body.get("text") if isinstance(body, dict) else body or inner.get("caption")
    if kind == "template":
        text = f"sjabloon {inner.get('name', '')}"
    label = KIND_LABELS.get(kind, "" if kind in ("text", "interactive") else kind)
    whole = " ".join(filter(None, (f"[{label.lower()}]" if label else "", clean(text or ""))))
    return whole or "Antwoord via WhatsApp"
