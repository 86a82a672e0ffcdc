"""Two chains of three processes share this: the messages, the departments, the table. Pure.

    receiver   checks the signature of a webhook, publishes each of its messages, answers 200
    router     looks up the department by a word, inserts a row, publishes
    deliverer  posts to the CRM

Each message is published persistently to a quorum queue and confirmed, and acknowledged when its
step is done. There is no order, no second look at a message that Meta sends twice, no archive, no
breaker, no encryption, no reason and no identity.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

ROLES = RECEIVER, ROUTER, DELIVERER = "receiver", "router", "deliverer"
QUEUE_ARGUMENTS = {"x-queue-type": "quorum"}
PREFETCH = 100
"""Messages that a consumer holds: the documentation of RabbitMQ finds 100 to 300 the best."""
POOL_SIZE = 10
"""Connections to the database, as asyncpg has them by default."""
TABLE = """
create table if not exists chain_message (
    id text primary key,
    citizen text not null,
    department text not null,
    text text not null,
    received_at timestamptz not null default now()
)
"""
INSERT = """
insert into chain_message (id, citizen, department, text) values ($1, $2, $3, $4)
on conflict (id) do nothing
"""
FALLBACK = "klantcontact"
DEPARTMENTS = {
    "afval": "openbare-ruimte",
    "container": "openbare-ruimte",
    "stoep": "openbare-ruimte",
    "paspoort": "burgerzaken",
    "rijbewijs": "burgerzaken",
    "verhuizing": "burgerzaken",
    "woz": "belastingen",
    "aanslag": "belastingen",
}


def read_messages(body: bytes) -> Iterator[dict[str, str]]:
    """Yield the text messages of a webhook."""
    webhook: dict[str, Any] = msgspec.json.decode(body)
    for entry in webhook["entry"]:
        for change in entry["changes"]:
            for message in change["value"].get("messages", ()):
                if message["type"] == "text":
                    yield {
                        "id": message["id"],
                        "citizen": message["from"],
                        "text": message["text"]["body"],
                    }


def find_department(text: str) -> str:
    """Return the department of the first word that names one."""
    words = (word.strip(".,;:!?()") for word in text.lower().split())
    return next((DEPARTMENTS[word] for word in words if word in DEPARTMENTS), FALLBACK)


def event(id: str, citizen: str, department: str, text: str) -> bytes:
    """Return the event for the CRM."""
    data = {"conversationId": citizen, "department": department, "text": text}
    return msgspec.json.encode({"specversion": "1.0", "id": id, "data": data})
