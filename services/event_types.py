"""Types and source of the events that CRMs receive. They are on the wire, so none ever changes.
Pure."""

from typing import Final

RECEIVED: Final = "nl.postkamer.message-received.v1"
STATUS_CHANGED: Final = "nl.postkamer.message-status-changed.v1"
TRANSFERRED: Final = "nl.postkamer.conversation-transferred.v1"
CLOSED: Final = "nl.postkamer.conversation-closed.v1"
DECIDED: Final = "nl.postkamer.conversation-decided.v1"
WAITING: Final = "nl.postkamer.conversation-waiting.v1"
TEXT_SENT: Final = "nl.postkamer.text-sent.v1"
MEDIA_AVAILABLE: Final = "nl.postkamer.media-available.v1"
WINDOW_CLOSING: Final = "nl.postkamer.window-closing.v1"
CARE_ALARM: Final = "nl.postkamer.care-alarm.v1"
CARE_CONFIRMED: Final = "nl.postkamer.care-confirmed.v1"
CASE_LINKED: Final = "nl.postkamer.conversation-linked.v1"
REOPENED: Final = "nl.postkamer.conversation-reopened.v1"
DESTROYED: Final = "nl.postkamer.conversation-destroyed.v1"
COMMAND_REFUSED: Final = "nl.postkamer.command-refused.v1"
DESTINATION_STATE_CHANGED: Final = "nl.postkamer.destination-state-changed.v1"


def event_source(tenant: str) -> str:
    """Return the `source` of a municipality's events: a receiver knows by it whose an event is."""
    return f"urn:nld:gemeente-{tenant}.systeem:postkamer"
