"""How far a message of ours has come, and in which words its sender hears why not further. Pure."""

from datetime import timedelta

CUSTOMER_SERVICE_WINDOW = timedelta(hours=24)
"""After a citizen's last message, in which anything may be sent; later only templates: Meta's
customer service window."""
MAX_HOLD = timedelta(days=7)
"""After which whoever sent an answer that waits for its citizen hears that nothing came back, and
may try another way. As long as Meta itself goes on trying; whoever wants to write has done so by
then."""
REOPEN_REQUEST_VALID_FOR = timedelta(days=3)
"""How long what asked a citizen to write is for the answers that come after it, too; for one later
than that they are asked anew. Longer than the night and the day after which it went or failed, so
that two are never under way; well under `HELD_FOR`, so that no answer waits long for what was asked
about another. Nobody is asked more often than that, and each costs a template."""

STATUS_ORDER = ("accepted", "unknown", "sent", "failed", "delivered", "read", "played")
STATUS_RANK = {word: rank for rank, word in enumerate(STATUS_ORDER)}
"""Meta tells it in any order, so the furthest word counts and not the last one that came. What was
delivered has not failed, whatever one attempt came to."""
COMMAND_DONE = "done"
"""Where a change of a conversation ends: it is no message, so none of these words is said of it."""

WITHDRAWN = "consent_missing: de inwoner heeft deze toestemming ingetrokken"
"""Said where it is decided, and again where it is sent."""
OTHER = "Meta weigerde dit bericht"
STOPPED = "Meta laat dit nummer nu niets versturen; de beheerder moet iets doen"
PUT_OFF = "Meta neemt dit bericht nu niet aan; Postkamer probeert het opnieuw"
NEVER_TAKEN = "Meta nam dit bericht niet aan, hoe vaak Postkamer het ook probeerde"
TELL = "meld het aan de beheerder"
REASONS = {
    **dict.fromkeys((0, 190), "de toegang tot Meta is verlopen; de beheerder moet iets doen"),
    **dict.fromkeys((3, 10, 33, 368, 131005, 131031, 131045, 131048, 131064, 133010), STOPPED),
    131042: "de rekening van Meta is niet in orde; de beheerder moet iets doen",
    131026: "dit nummer kan geen WhatsApp-bericht ontvangen",
    131047: "de inwoner schreef langer dan 24 uur geleden: stuur een sjabloon",
    131049: "Meta bezorgt dit bericht nu niet",
    131050: "de inwoner wil deze berichten niet meer krijgen",
    131053: "Meta kon het bestand niet verwerken",
    131062: "een sjabloon met een code kan alleen naar een telefoonnummer",
    130472: "Meta houdt dit bericht bij deze inwoner tegen, voor een proef",
    130497: "dit nummer mag geen berichten sturen naar het land van deze inwoner",
    100: f"Meta kan een deel van dit bericht niet lezen; {TELL}",
    131008: f"in dit bericht ontbreekt iets wat Meta nodig heeft; {TELL}",
    131009: f"een waarde in dit bericht mag niet van Meta, of het slaat op iets te ouds; {TELL}",
    131055: f"Meta kent deze manier van versturen niet; {TELL}",
    135000: f"Meta kan dit bericht niet verwerken; {TELL}",
    132000: "het sjabloon vraagt een ander aantal waarden dan er zijn ingevuld",
    132012: "een ingevulde waarde past niet bij dit sjabloon",
    132018: "de ingevulde waarden kloppen niet voor dit sjabloon",
    132005: "met wat is ingevuld is de tekst te lang voor dit sjabloon",
    132007: "wat in dit sjabloon staat, mag niet van Meta",
    132068: "het formulier in dit sjabloon is door Meta geblokkeerd",
    132069: "het formulier in dit sjabloon mag van Meta nu niet vaker worden verstuurd",
    130403: "deze inwoner is geblokkeerd",
    131021: "afzender en ontvanger zijn dezelfde",
    131030: "dit nummer staat niet op de lijst van testnummers",
    131051: "dit soort bericht kan niet worden verstuurd",
    132001: "dit sjabloon bestaat niet in deze taal",
    132015: "dit sjabloon is door Meta gepauzeerd",
    132016: "dit sjabloon is door Meta uitgezet",
    137000: "de identiteit van deze inwoner is veranderd",
}
"""Meta's `error.code` -> what it means for the person who wrote the message."""


def error_explanation(code: int, otherwise: str = OTHER) -> str:
    """Why a message did not go, or not yet, with Meta's code for whoever looks further."""
    return f"{code}: {REASONS.get(code, otherwise)}"
