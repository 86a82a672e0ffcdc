"""Delivery status order of an outgoing message, and the Dutch explanation of Meta's errors.
Pure."""

from datetime import timedelta

from services.refusal import Refusal

CUSTOMER_SERVICE_WINDOW = timedelta(hours=24)
"""Meta's customer service window: the time after a citizen's last message in which any message may
be sent. After it only templates may be sent."""
MAX_HOLD = timedelta(days=7)
"""Longest time that an answer is on hold until its citizen writes. After it the sender hears that
the citizen did not write, and may try another way. It is as long as Meta itself tries to deliver,
and a citizen who wants to write has done so by then."""
REOPEN_REQUEST_VALID_FOR = timedelta(days=3)
"""Time in which a reopen request also covers later answers; a later answer makes a new request. It
is longer than the night and the day after which a request was sent or has failed, so that two are
never in progress. It is well under MAX_HOLD, so that no answer waits long for the request of
another. It also limits how often a citizen is asked; each request costs a template."""

STATUS_ORDER = ("accepted", "unknown", "sent", "failed", "delivered", "read", "played")
STATUS_RANK = {word: rank for rank, word in enumerate(STATUS_ORDER)}
"""Status -> rank. Meta sends statuses in any order, so the status with the highest rank counts, and
not the last one received. A delivered message has not failed, whatever the outcome of one attempt.
"""
COMMAND_DONE = "done"
"""Final status of a change of a conversation, which is no message and has none of the others."""

WITHDRAWN = Refusal("consent_missing", "de inwoner heeft deze toestemming ingetrokken")
"""Reason of a refusal, both when the message is accepted and when it is sent."""
WINDOW_CLOSED_CODE = 131047
"""Meta's code: the citizen wrote more than 24 hours ago, according to Meta's clock."""
WINDOW_CLOSED_CODES = frozenset({WINDOW_CLOSED_CODE, 470})
"""Codes that say so: 470 is that of Meta's older interface, which BSPs still pass on."""
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
    **dict.fromkeys(
        WINDOW_CLOSED_CODES, "de inwoner schreef langer dan 24 uur geleden: stuur een sjabloon"
    ),
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
    139200: f"Meta neemt dit antwoord na 24 uur niet aan; {TELL}",
    137000: "de identiteit van deze inwoner is veranderd",
}
"""Meta's `error.code` -> its meaning for the author of the message."""

WAITS_AT_META = {
    "held_for_quality_assessment": "held_for_quality_assessment: Meta beoordeelt dit sjabloon eerst"
    " en verstuurt het daarna",
    "paused": "paused: Meta heeft dit sjabloon gepauzeerd en verstuurt het bericht misschien niet",
}
"""`message_status` in Meta's answer to a send -> reason why the message is still `accepted`."""


def error_explanation(code: int, otherwise: str = OTHER) -> str:
    """Explain why a message was not sent, or not yet, with Meta's code for further
    investigation."""
    return f"{code}: {REASONS.get(code, otherwise)}"
