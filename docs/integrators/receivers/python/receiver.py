"""Receiver of Postkamer's events: verifies and stores an event, and only then answers."""

import json
import os
import sqlite3
import time
import traceback
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from signature import is_valid, key_of

LARGEST = 1 << 20  # bytes of a request; an event of Postkamer has at most 64 KiB
TABLE = """
create table if not exists event (
    id text primary key, subject text not null, sequence integer not null, late integer not null,
    body blob not null, arrived text not null default current_timestamp);
create index if not exists event_subject on event (subject, sequence)"""
STORE = """
insert into event (id, subject, sequence, body, late)
select :id, :subject, :sequence, :body,
    exists (select 1 from event where subject = :subject and sequence > :sequence)
where true on conflict (id) do nothing returning late"""
SECRETS = [os.environ.get(name, "") for name in ("CRM_SECRET", "CRM_SECRET_NEXT")]
KEYS = [key_of(secret) for secret in SECRETS if secret]
DATABASE = os.environ.get("CRM_DATABASE", "events.db")


def read_event(body: bytes) -> dict[str, object]:
    event = json.loads(body)
    about = event["data"].get("conversationId") or event["data"].get("destination", "")
    return {"id": event["id"], "subject": about, "sequence": int(event["sequence"]), "body": body}


def store(event: dict[str, object]) -> str:
    """Store the event once. It is `late` if a later one of its conversation was here before."""
    with closing(sqlite3.connect(DATABASE)) as database, database:
        found = database.execute(STORE, event).fetchall()
        outcome = ("late" if found[0][0] else "new") if found else "again"
        # Write your own tables here, in the same transaction: nothing if it is here `again`; and
        # if it is `late`, the history of the conversation, but not its present state.
    return f"{outcome} {event['sequence']} {event['id']}"


class Receiver(BaseHTTPRequestHandler):
    timeout = 20  # seconds for a request to arrive

    def do_POST(self) -> None:
        self.send_response(self.status())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def status(self) -> int:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > 9 or int(length) > LARGEST:
            return 413
        body = self.rfile.read(int(length))
        if not is_valid(self.headers, body, KEYS, time.time()):
            return 401  # never 400: Postkamer keeps the event and warns, until the secrets agree
        try:
            event = read_event(body)
        except (ValueError, LookupError, TypeError, AttributeError):
            return 400  # not an event: Postkamer parks it and goes on
        try:
            # One write for the line and its end: events arrive at once, and two would mix lines.
            print(f"{store(event)}\n", end="", flush=True)
        except Exception:
            traceback.print_exc()
            return 500  # not stored: Postkamer sends it again
        return 204


def main() -> None:
    if not KEYS:
        raise SystemExit("CRM_SECRET is missing")
    with closing(sqlite3.connect(DATABASE)) as database:
        database.executescript(TABLE)
    port = int(os.environ.get("PORT", "8099"))
    ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()


if __name__ == "__main__":
    main()
