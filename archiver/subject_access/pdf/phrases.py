"""Dutch words of the printed report. Pure."""

TITLE = "Uw gegevens in onze WhatsApp-berichten"
SUBTITLE = "Antwoord op uw verzoek om inzage (AVG, artikel 15)"
INTRODUCTION = (
    "U vroeg welke gegevens wij van u hebben in onze WhatsApp-berichten. In dit rapport staat"
    " alles wat wij vonden. Elk bericht heeft een nummer. Zo is 2.14 het veertiende bericht van"
    " gesprek 2. Noem dat nummer als u iets wilt vragen. Alle tijden zijn Nederlandse tijden. U"
    " krijgt dezelfde gegevens ook als JSON-bestand. Dat kan een computer lezen."
)
BOXES = (
    "Het teken □ staat voor een teken dat wij hier niet kunnen tonen. In het JSON-bestand staat het"
    " wel."
)
EMPTY = "Wij vonden geen gesprekken met u."

AUTHORS = {
    "citizen": "U",
    "employee": "Medewerker",
    "system": "Systeem van de gemeente",
    "automated": "Automatisch bericht",
}
