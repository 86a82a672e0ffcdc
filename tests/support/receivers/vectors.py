"""Table of signatures for builders of receivers, made by the code that signs every event."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from deliverer.destinations import cloudevents
from sandbox.crm.event_validation import signature
from services.http.webhook_signature import key_of
from tests.support.deliverer.delivery_jobs import NOON, delivery

HEADER = "case\tverdict\tsecrets\twebhook-id\twebhook-timestamp\tnow\twebhook-signature\tbody"
FIRST = "whsec_cG9zdGthbWVyLWV4YW1wbGUtc2VjcmV0LTAx"
NEXT = "whsec_cG9zdGthbWVyLWV4YW1wbGUtc2VjcmV0LTAy"
TEXT = "a-secret-without-prefix-é"
EVENT = delivery(7, data='{"conversationId":"a","text":"één container"}'.encode())
BODY = cloudevents.body(EVENT, "")


class Vector(NamedTuple):
    """Request, the secrets that its receiver knows, the receiver's time, and the verdict."""

    case: str
    id: str
    timestamp: str
    signatures: str
    verdict: str = "valid"
    secrets: str = FIRST
    now: int = int(NOON.timestamp())
    body: str = BODY.decode()

    def line(self) -> str:
        return "\t".join(
            (self.case, self.verdict, self.secrets, self.id, self.timestamp, str(self.now),
             self.signatures, self.body)
        )  # fmt: skip


STANDARD = Vector(
    "published by Standard Webhooks",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "1614265330",
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    secrets="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    now=1614265330,
    body='{"test": 2432232314}',
)


def signed(case: str, *secrets: str, at: datetime = NOON) -> Vector:
    """Return the request as the deliverer signs it with these secrets."""
    keys = [key_of(secret) for secret in secrets]
    headers = cloudevents.headers(EVENT, BODY, keys, at)
    id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    return Vector(case, id, timestamp, headers["webhook-signature"])


ONE, BOTH = signed("the only secret", FIRST), signed("both secrets sign", FIRST, NEXT)
SIGNED_AS_TEXT = FIRST.removeprefix("whsec_")


def accepted() -> Iterator[Vector]:
    yield STANDARD
    yield ONE
    yield signed("a secret without whsec_", TEXT)._replace(secrets=TEXT)
    yield BOTH._replace(case="both secrets sign, the receiver knows the present one")
    yield BOTH._replace(case="both secrets sign, the receiver knows the next one", secrets=NEXT)
    known = f"{FIRST} {NEXT}"
    yield BOTH._replace(case="both secrets sign, the receiver knows both", secrets=known)
    yield signed("the next secret signs, the receiver knows both", NEXT)._replace(secrets=known)
    yield ONE._replace(case="a version to come before it", signatures=f"v2,abc {ONE.signatures}")
    yield signed("signed 300 seconds ago", FIRST, at=NOON - timedelta(seconds=300))
    yield signed("signed 300 seconds ahead", FIRST, at=NOON + timedelta(seconds=300))


CHANGES: dict[str, dict[str, Any]] = {
    "signed with another secret": {"signatures": signed("", NEXT).signatures},
    "signed with the secret as text": {"signatures": signed("", SIGNED_AS_TEXT).signatures},
    "another id": {"id": "01a21062-22ad-7443-a204-96cc515ae363"},
    "another time": {"timestamp": str(int(NOON.timestamp()) + 1)},
    "one byte more": {"body": BODY.decode() + " "},
    "one letter differs": {"body": BODY.decode().replace("één", "een")},
    "no signature": {"signatures": ""},
    "no id": {"id": ""},
    "no time": {"timestamp": ""},
    "no version": {"signatures": ONE.signatures.removeprefix("v1,")},
    "another version": {"signatures": ONE.signatures.replace("v1,", "v2,")},
    "the version twice": {"signatures": f"v1,{ONE.signatures}"},
    "half a signature": {"signatures": ONE.signatures[:20]},
    "no padding": {"signatures": ONE.signatures.rstrip("=")},
    "a comma between two signatures": {"signatures": f"v1,abc,{ONE.signatures}"},
    "a signature that is not ASCII": {"signatures": "v1,é"},
}
"""Case and its difference from the request that is valid."""


def refused() -> Iterator[Vector]:
    for case, fields in CHANGES.items():
        yield ONE._replace(case=case, **fields)
    yield signed("signed 301 seconds ago", FIRST, at=NOON - timedelta(seconds=301))
    yield signed("signed 301 seconds ahead", FIRST, at=NOON + timedelta(seconds=301))
    for case, time in {"no number as time": "soon", "enormous time": "9" * 30}.items():
        id, key = str(EVENT.id), key_of(FIRST)
        yield Vector(case, id, time, signature(key, id, time, BODY))


def table() -> str:
    """Return the table as `docs/integrators/receivers/vectors.tsv` has it."""
    wrong = [vector._replace(verdict="invalid") for vector in refused()]
    return "\n".join([HEADER, *(vector.line() for vector in [*accepted(), *wrong])]) + "\n"


if __name__ == "__main__":
    print(table(), end="")
