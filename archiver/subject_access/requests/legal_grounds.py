"""Legal grounds to refuse a request, wholly or partly, or to extend it: a table with the article
and a sentence for the citizen. Pure.

The sentences are plain Dutch (B1). Only grounds in the table can be used; another needs a row here.
"""

from collections.abc import Iterator
from typing import Literal, get_args

import msgspec

Kind = Literal["access", "rectification", "erasure", "restriction", "objection"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Ground(msgspec.Struct, frozen=True):
    """A legal ground. `kinds`: the kinds of request to which it applies."""

    code: str
    kinds: tuple[Kind, ...]
    article: str
    text: str


REFUSALS = (
    Ground(
        "wettelijke-plicht",
        ("erasure",),
        "AVG, artikel 17, lid 3, onder b",
        "De wet zegt dat wij deze berichten moeten bewaren. Daarom mogen wij ze nog niet wissen.",
    ),
    Ground(
        "archief",
        ("erasure",),
        "AVG, artikel 17, lid 3, onder d",
        "De berichten horen in het archief van de gemeente. Zo kan later iedereen zien wat de"
        " gemeente deed. Daarom wissen wij ze niet.",
    ),
    Ground(
        "rechtszaak",
        ("erasure",),
        "AVG, artikel 17, lid 3, onder e",
        "De berichten zijn nodig voor een rechtszaak. Daarom moeten wij ze houden en gebruiken.",
    ),
    Ground(
        "nog-nodig",
        ("erasure",),
        "AVG, artikel 17, lid 1",
        "Wij hebben de gegevens nog nodig om uw vraag te behandelen.",
    ),
    Ground(
        "klopt",
        ("rectification",),
        "AVG, artikel 16",
        "Wij zochten het uit. Wat er staat, klopt volgens ons wel.",
    ),
    Ground(
        "mening",
        ("rectification",),
        "AVG, artikel 16",
        "Er staat een mening of een oordeel. Dat kunnen wij niet verbeteren. U mag wel opschrijven"
        " wat u ervan vindt. Dat zetten wij erbij.",
    ),
    Ground(
        "overgebracht",
        ("access", "rectification", "restriction"),
        "Uitvoeringswet AVG, artikel 45",
        "De berichten zijn naar de archiefbewaarplaats gegaan. Daar gelden andere regels. U kunt ze"
        " daar wel bekijken.",
    ),
    Ground(
        "rechten-van-anderen",
        ("access",),
        "AVG, artikel 15, lid 4",
        "In de berichten staat ook iets over andere mensen. Dat mogen wij u niet laten zien.",
    ),
    Ground(
        "geen-grond",
        ("restriction",),
        "AVG, artikel 18, lid 1",
        "U noemde geen reden waarvoor de wet dit regelt. Daarom blijven wij uw gegevens gebruiken.",
    ),
    Ground(
        "zwaarder-belang",
        ("objection",),
        "AVG, artikel 21, lid 1",
        "Wij keken naar uw situatie. De gemeente heeft de gegevens echt nodig voor haar taak. Dat"
        " weegt hier zwaarder.",
    ),
    Ground(
        "identiteit",
        KINDS,
        "AVG, artikel 12, lid 2 en lid 6",
        "Wij weten niet zeker dat u het bent. Daarom kunnen wij dit nu niet doen. Kom naar de balie"
        " met uw identiteitsbewijs, of schrijf ons.",
    ),
    Ground(
        "buitensporig",
        KINDS,
        "AVG, artikel 12, lid 5",
        "U vroeg dit al vaker, en er is niets veranderd. Daarom doen wij het nu niet opnieuw.",
    ),
)
EXTENSIONS = (
    Ground(
        "ingewikkeld",
        KINDS,
        "AVG, artikel 12, lid 3",
        "Uw verzoek is ingewikkeld. Daarom hebben wij meer tijd nodig.",
    ),
    Ground(
        "veel-verzoeken",
        KINDS,
        "AVG, artikel 12, lid 3",
        "Er zijn veel verzoeken. Daarom hebben wij meer tijd nodig.",
    ),
)


def refusal(code: str, kind: str) -> Ground | None:
    """Return the ground to refuse this kind of request; None if there is none with this code."""
    return next((each for each in REFUSALS if each.code == code and kind in each.kinds), None)


def extension(code: str) -> Ground | None:
    return next((each for each in EXTENSIONS if each.code == code), None)


def list_grounds(grounds: tuple[Ground, ...], kind: str) -> Iterator[str]:
    """Yield a line for each ground of this kind of request, for the user to choose from."""
    for each in grounds:
        if kind in each.kinds:
            yield f"  {each.code}: {each.article}. {each.text}"
