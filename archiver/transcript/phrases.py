"""Dutch words of a transcript. Pure."""

TITLE = "Afschrift van een gesprek in WhatsApp"
INTRODUCTION = (
    "Dit is een afschrift van een gesprek in WhatsApp, zoals het in het archief staat. Alle tijden"
    " zijn Nederlandse tijden. Wat de inwoner aanpaste of introk, staat hier ook zoals het was."
)
BOXES = "Het teken □ staat voor een teken dat hier niet te tonen is. In het archief staat het wel."
PARTIAL = "Delen van dit gesprek bij andere afdelingen staan niet in dit afschrift."
UNREADABLE = "Een deel van dit gesprek gaat niet open ({count}). Meld dit aan de beheerder."
ENTRIES = "vermelding", "vermeldingen"
DESTROYED = "Dit bericht is vernietigd."
DESTROYED_AT = "Dit bericht is vernietigd op {at}."
ELSEWHERE = "een bericht dat niet in dit afschrift staat"
QUOTES = "Antwoord op {what}"
ABOUT = {
    "edit": "Nieuwe tekst van {what}",
    "revoke": "Trekt {what} in",
    "reaction": "Reactie op {what}",
}
NUMBERED = "bericht {number}"
EDITED = "Aangepast op {at}: zie bericht {number}. Hier staat de eerste tekst."
WITHDRAWN = "Ingetrokken op {at} (bericht {number}). De tekst blijft in het dossier."
REACTION, REACTION_ENDED = "Reactie van {who}: {emoji} ({at})", "{who} haalde de reactie weg ({at})"
SIDES = {"in": "de inwoner", "out": "de gemeente", "echo": "de gemeente"}
SCALED = "Hieronder verkleind. De hash is van het origineel."
CORRECTION = "Verbetering van {at}, door {by}"
PICTURE_ALT = {
    "in": "Foto van de inwoner bij bericht {number}",
    "out": "Foto van de gemeente bij bericht {number}",
    "echo": "Foto van de gemeente bij bericht {number}",
}
MAP_ALT = "Kaart van Nederland met een stip op de plaats van bericht {number}"
AUTHORS = {
    "citizen": "Inwoner",
    "employee": "Medewerker",
    "system": "Systeem van de gemeente",
    "automated": "Automatisch bericht",
}
IDENTIFIED = {"proven": "bewezen met een login", "stated": "opgegeven door het eigen systeem"}
OUTSIDE = "buiten Postkamer om, in de WhatsApp Business-app"
NOTE = "Notitie voor collega's"
STEPS = {
    "opened": "Gesprek begonnen bij {department}",
    "transferred": "Doorgegeven aan {department}",
    "closed": "Gesprek gesloten",
    "reopened": "Gesprek heropend",
    "linked": "Gekoppeld aan een zaak",
    "confirmed": "Melding van mogelijk gevaar bevestigd",
    "alarmed": "Melding van mogelijk gevaar",
    "released": "Gesprek vrijgegeven",
    "merged": "Samengevoegd met een ander gesprek",
    "decided": "Afdeling bepaald: {department}",
}
"""Event -> what happened. One that is not in the table is shown by its code."""
ASSIGNED = "Gesprek genomen of toegewezen binnen {department}"
TRANSFERRED_FROM = "Doorgegeven van {former} aan {department}"
OUTCOMES = {
    "answered": "beantwoord",
    "handled": "anders afgehandeld",
    "forwarded": "doorgestuurd aan wie beslist",
    "redirected": "verwezen naar de juiste weg",
    "silent": "zonder bericht aan de inwoner",
}
CARE = {
    "emergency": "noodgeval",
    "suicide": "zelfdoding",
    "violence": "geweld",
    "threat": "bedreiging",
}
HOLDS = {
    "objection": "bezwaar",
    "limitation": "beperking van de verwerking (AVG, artikel 18)",
    "woo": "Woo-verzoek",
    "access": "verzoek om inzage",
    "dispute": "geschil",
    "audit": "inspectie of controle",
}
FOR_EVER = "blijvend: het gaat naar de archiefbewaarplaats"
OPEN = "nog niet"
