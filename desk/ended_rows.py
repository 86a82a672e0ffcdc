"""Rows of the desk that end at their term (docs/operators/terms.md)."""

from services.clearing import Clearing

_EVENTS = Clearing("desk.event", "desk_event_days", since="received_at")
_CONVERSATIONS = Clearing(
    "desk.conversation", "desk_conversation_days", since="last_at", ended="not is_open"
)
_SESSIONS = Clearing("desk.session", "desk_session_days", since="used_at")
_DRAFTS = Clearing("desk.draft", "desk_draft_days", since="written_at")
_ANSWERS = Clearing("desk.answer", "desk_answer_days", since="given_at")

_ALARMS = Clearing("desk.alarm", "desk_alarm_days", since="at")

CLEARINGS = _ALARMS, _EVENTS, _CONVERSATIONS, _SESSIONS, _DRAFTS, _ANSWERS
DAYS = {
    "desk_alarm_days": 7,
    "desk_event_days": 30,
    "desk_conversation_days": 30,
    "desk_session_days": 1,
    "desk_draft_days": 30,
    "desk_answer_days": 13,
}
"""Term -> days. An event is repeated for as long as its delivery waits; what is closed is found in
the archive; an alarm that nobody confirmed for a week is on the record; a draft that nobody
finished for a month is no answer any more. Of a key the gateway knows for 14 days at least
(`command_days`) that it was used: an uncertain answer is given again before then or not at all."""
