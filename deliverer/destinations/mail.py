"""Payload format of mails without content of messages: an alarm, which is a call to look at a
conversation, its confirmation, and a notice to who owns a destination. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from deliverer.owners.notice_mail import notice_body, notice_subject
from services.contract import Delivery
from services.event_types import CARE_CONFIRMED, DESTINATION_STATE_CHANGED


class _Data(msgspec.Struct, rename="camel"):
    conversation_id: str = ""
    nth: int = 1


_decode_data = msgspec.json.Decoder(_Data)

TEXT = """\
Er kwam een bericht binnen waar nu een mens naar moet kijken.

Gesprek: {conversation}
Gemeente: {tenant}
Binnengekomen: {received}
Dit is melding {nth}.

Kijk in uw klantcontactsysteem naar dit gesprek, en bevestig daar dat u het ziet. Anders wordt de
volgende gewaarschuwd.
"""


CONFIRMED = """\
Een medewerker heeft bevestigd dat die naar dit gesprek kijkt. U hoeft niets meer te doen.

Gesprek: {conversation}
Gemeente: {tenant}
"""


def body(delivery: Delivery, archiver: str) -> bytes:
    """Return the text of the mail, the same at each attempt."""
    if delivery.type == DESTINATION_STATE_CHANGED:
        return notice_body(delivery.data)
    data = _decode_data.decode(delivery.data)
    text = CONFIRMED if delivery.type == CARE_CONFIRMED else TEXT
    return text.format(
        conversation=data.conversation_id,
        tenant=delivery.tenant,
        received=delivery.received_at.isoformat(timespec="minutes"),
        nth=data.nth,
    ).encode()


def headers(
    delivery: Delivery, content: bytes, keys: Sequence[bytes], now: datetime
) -> Mapping[str, str]:
    """Return the headers. The message id is the event's, so that duplicates are recognised."""
    common = {"Message-ID": f"<{delivery.id}@postkamer>", "Auto-Submitted": "auto-generated"}
    if delivery.type == DESTINATION_STATE_CHANGED:
        return common | {"Subject": notice_subject(delivery.data)}
    if delivery.type == CARE_CONFIRMED:
        return common | {"Subject": "Bevestigd: een medewerker kijkt naar het bericht"}
    return common | {
        "Subject": "Dringend: er moet nu iemand naar een bericht kijken",
        "X-Priority": "1",
    }
