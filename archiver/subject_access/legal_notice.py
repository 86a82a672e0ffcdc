"""Information that the law adds to every report (AVG, article 15, first paragraph). Pure.

The texts are plain Dutch (B1): short sentences, known words. A municipality states its own purposes
and retention periods in the report.
"""

import msgspec


class Right(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One right of a citizen."""

    name: str
    text: str


RIGHTS = (
    Right(
        name="Verbeteren",
        text="Klopt er iets niet? Vraag ons dan om het te verbeteren. Wij veranderen een oud"
        " bericht niet. Wij schrijven de verbetering erbij.",
    ),
    Right(
        name="Wissen",
        text="U mag vragen om gegevens te wissen. Sommige berichten moeten wij van de wet bewaren."
        " Dan leggen wij uit waarom.",
    ),
    Right(
        name="Minder gebruiken",
        text="U mag vragen om uw gegevens een tijd niet te gebruiken. Dat kan bijvoorbeeld als wij"
        " nog uitzoeken of iets klopt.",
    ),
    Right(
        name="Tegenhouden",
        text="U mag zeggen dat u het gebruik van uw gegevens niet wilt. Vertel ons dan waarom. Wij"
        " kijken of wij ermee moeten stoppen.",
    ),
    Right(
        name="Bezwaar maken",
        text="Bent u het niet eens met dit antwoord? Dan kunt u bezwaar maken bij de gemeente. Doe"
        " dat binnen zes weken na de datum van dit antwoord.",
    ),
)

AUTHORITY = "Autoriteit Persoonsgegevens"
COMPLAINT = (
    "Vindt u dat wij niet goed met uw gegevens omgaan? Vertel het ons, dan zoeken wij het uit."
    " U kunt ook een klacht indienen bij de Autoriteit Persoonsgegevens. Kijk op"
    " autoriteitpersoonsgegevens.nl of bel 088 - 1805 250. Schrijven kan ook: Postbus 93374, 2509"
    " AJ Den Haag."
)

AUTOMATED = (
    "Een computer leest uw bericht en kiest welke afdeling het krijgt. Dat gaat met vaste regels."
    " Bij elk bericht staat welke regel dat was. De computer beslist niets over uw"
    " aanvraag."
)
SOURCE = (
    "Uw berichten kregen wij van u, via WhatsApp. De rest schreven wij er zelf bij."
    " WhatsApp is van Meta."
)
