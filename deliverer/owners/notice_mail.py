"""Notices as mails, in Dutch: their readers are the town hall's own staff. Pure."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from deliverer.owners.notice import Notice
from services.calendar.opening_hours import AMSTERDAM

SUBJECTS = {
    "failing": "{destination} neemt geen berichten aan",
    "refusing": "{destination} weigert alle berichten",
    "works": "{destination} neemt weer berichten aan",
    "paused": "de aflevering aan {destination} is stilgezet",
    "resumed": "de aflevering aan {destination} gaat weer door",
    "parked": "{destination} heeft berichten geweigerd ({parked})",
    "certificate-ending": "het certificaat voor {destination} verloopt op {until_day}",
}
BODIES = {
    "failing": """\
{destination} neemt geen berichten aan sinds {since}.
De reden: {cause}.

Postkamer bewaart de berichten op volgorde en blijft het proberen. Er gaat niets verloren.

Kijk of uw systeem werkt en bereikbaar is. U hoort het als het weer werkt.
""",
    "refusing": """\
{destination} weigert alle berichten sinds {since}.
De reden: {cause}.

Dit gaat niet vanzelf over. Postkamer bewaart de berichten op volgorde en blijft het proberen.
Er gaat niets verloren.

Kijk of het adres, het wachtwoord en het certificaat nog kloppen. U hoort het als het weer werkt.
""",
    "works": """\
{destination} neemt weer berichten aan sinds {until}.
Het ging fout sinds {since}.

De berichten die wachtten, komen nu op volgorde binnen. U hoeft niets te doen.
""",
    "paused": """\
Een beheerder heeft de aflevering aan {destination} stilgezet op {since}.
De reden: {reason}

Postkamer bewaart de berichten op volgorde. Er gaat niets verloren.
U hoort het als de aflevering weer doorgaat.
""",
    "resumed": """\
Een beheerder heeft de aflevering aan {destination} weer aangezet.
Die stond stil sinds {since}.

De berichten die wachtten, komen nu op volgorde binnen. U hoeft niets te doen.
""",
    "parked": """\
{destination} heeft {parked} bericht(en) geweigerd. Het eerste was op {since}.

Postkamer levert ze niet vanzelf opnieuw af, en bewaart ze ervoor tot {until_day}.
Andere berichten gaan gewoon door.
Herstel eerst de fout in uw systeem. Vraag daarna de beheerder om ze opnieuw af te leveren.

Nummers van deze berichten ({shown} van {parked}):
{events}
""",
    "certificate-ending": """\
Het certificaat waarmee Postkamer zich meldt bij {destination} verloopt op {until}.

Daarna kan Postkamer niets meer afleveren. Vraag een nieuw certificaat aan.
Geef het aan de beheerder van Postkamer.
""",
}
OPERATOR = "\nVoor de beheerder van Postkamer: {command}\n"
FAILURES = {
    "refused": "de server neemt de verbinding niet aan",
    "name": "de naam van de server is niet te vinden",
    "tls": "het certificaat van een van beide kanten klopt niet",
    "timeout": "de server antwoordt niet op tijd",
    "reset": "de server verbreekt de verbinding",
    "inside": "het adres ligt in een netwerk dat Postkamer niet mag gebruiken",
}
UNKNOWN_CAUSE = "de server geeft geen antwoord dat Postkamer begrijpt"
TOKENS = " (de server die de toegang geeft)"

_decode = msgspec.json.Decoder(Notice).decode


def notice_body(data: bytes) -> bytes:
    """Return the text of the mail about a notice, the same at each attempt."""
    notice = _decode(data)
    text = BODIES[notice.state] + (OPERATOR if notice.command else "")
    return text.format(**_fields(notice)).encode()


def notice_subject(data: bytes) -> str:
    notice = _decode(data)
    return "Postkamer: " + SUBJECTS[notice.state].format(**_fields(notice))


def _fields(notice: Notice) -> Mapping[str, object]:
    until = _local_time(notice.until) if notice.until else ""
    return {
        "destination": notice.destination,
        "since": _local_time(notice.since),
        "until": until,
        "until_day": until.partition(" ")[0],
        "cause": _cause(notice),
        "reason": notice.reason,
        "parked": notice.parked,
        "shown": len(notice.events),
        "events": "\n".join(map(str, notice.events)),
        "command": notice.command,
    }


def _cause(notice: Notice) -> str:
    status = f"de server antwoordt met {notice.status}" if notice.status else UNKNOWN_CAUSE
    cause = FAILURES.get(notice.failure, status)
    return cause + (TOKENS if notice.whose == "token endpoint" else "")


def _local_time(at: datetime) -> str:
    return f"{at.astimezone(AMSTERDAM):%d-%m-%Y %H:%M}"
