"""Reports about one person for a test: an ordinary one, one of given texts, a nasty one."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from archiver.subject_access import report
from archiver.subject_access.report import Conversation, Identifier, Message, Municipality, Report

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WASTE = "Openbare ruimte"


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def _message(nth: int, minutes: float, direction: str, type: str, **more: Any) -> Message:
    given = {"id": f"018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c1{nth}", "department": WASTE} | more
    return Message(at=at(minutes), direction=direction, type=type, **given)


def _file(nth: int, **more: Any) -> report.File:
    return report.File(id=f"018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c1{nth}", **more)


IN = _message(
    1, 0, "in", "text",
    text="Mijn container is vol, en hij wordt al weken niet geleegd.",
    reason='"container" staat erin (regel afval)',
    annotations=(report.Annotation(at=at(4000), by=WASTE, text="Niet weken, maar één week."),),
)  # fmt: skip
PHOTO = _message(
    2, 1, "in", "image", text="Kijk maar", reason="hoort bij het gesprek",
    files=(_file(2, type="image/jpeg", size=48213, sha256="6c" * 32),),
)  # fmt: skip
STATUSES = (("sent", 12), ("delivered", 12.2), ("read", 1300))
OUT = _message(
    3, 12, "out", "text", text="Dank u wel. Morgen komen wij langs.", author="employee",
    statuses=tuple(report.Step(status=status, at=at(minutes)) for status, minutes in STATUSES),
)  # fmt: skip
SCHEDULE = _file(
    4, name="Ophaalschema 2026.pdf", type="application/pdf", size=1_248_213,
    state="quarantined", reason="de virusscanner vond iets",
)  # fmt: skip
LETTER = _message(
    4, 1310, "echo", "document", author="employee", department="Klantcontact", files=(SCHEDULE,)
)
NOTE = report.Note(
    id="018fe5a4-9d31-7c02-8b6a-51c3b8a0e7d4", at=at(6), department=WASTE,
    text="Staat bij de school, niet bij het huis",
)  # fmt: skip
CONVERSATION = Conversation(
    id="106540352242922-mfrggzdfmztwq2lknnwg23tpoa",
    opened_at=at(0),
    closed_at=at(2000),
    departments=("Klantcontact", WASTE),
    zaak="ZAAK-2026-0012345",
    kept_until=date(2031, 11, 21),
    messages=(IN, PHOTO, OUT, LETTER),
    notes=(NOTE,),
)
GROUND = "AVG, artikel 6, lid 1, onder e"
PURPOSE = "Wij gebruiken uw gegevens om uw vraag te beantwoorden."
REPORT = Report(
    municipality=Municipality(
        name="Gemeente Voorbeeldstad",
        contact="Stadhuis, Markt 1, telefoon 14 012",
        officer="fg@voorbeeldstad.example",
    ),
    about=(
        Identifier(kind="phone", value="31600000011"),
        Identifier(kind="bsuid", value="NL.13491208655302741918", asked=False),
    ),
    made_at=datetime(2026, 12, 1, 9, 30, tzinfo=UTC),
    made_by="Team Privacy",
    request=report.Request(
        id="AVG-2026-0042", received_on=date(2026, 11, 25), due_on=date(2026, 12, 25)
    ),
    period=report.Period(since=date(2026, 1, 1), until=date(2026, 11, 30)),
    purposes=(report.Purpose(text=PURPOSE, ground=GROUND),),
    retention=("Een gesprek bewaren wij een jaar nadat het is afgesloten.",),
    conversations=(CONVERSATION,),
    consents=(
        report.Consent(
            purpose="Melding als de container wordt geleegd",
            given_at=at(20),
            source="Formulier op de website",
        ),
    ),
    identity_changes=(
        report.IdentityChange(
            at=at(-9000), kind="phone", before="31600000010", after="31600000011"
        ),
    ),
    deliveries=(
        report.Delivered(destination="Zaaksysteem", count=4, first_at=at(0), last_at=at(1310)),
    ),
    views=(
        report.View(at=at(3), department=WASTE, what="Gesprek", why="Behandelen"),
        report.View(at=at(900), token="zaaksysteem", what="Bestand"),
    ),
    copies=(
        report.Copy(place="Zaaksysteem", what="Uw berichten en bestanden"),
        report.Copy(place="Back-ups", what="Een kopie van het archief", until=date(2027, 1, 15)),
    ),
)
"""A conversation of two days, with everything that a report can have."""

NASTY_TEXTS = (
    'Is dit *vet*, _schuin_, $x^2$, #emph[rood], `code`, \\ of <label> @ref? // nee "toch" -- =',
    '#import "@preview/cades:0.3.0": qr\n#read("/etc/passwd")\n#panic()',
    "= Kop\n- lijst\n+ nummer\n/ term: uitleg\n\n\n   ingesprongen ~ ... 'enkel'",
    "Bedankt! 😀 👍🏽 👨‍👩‍👧‍👦 ❤️ 🇳🇱 1️⃣ 🏳️‍🌈 🫠 ☎ ✅",
    "😀" * 200,
    "مرحبا، حاوية القمامة ممتلئة منذ 3 أسابيع. شكرا جزيلا لكم!",
    "Mijn naam is محمد علي en ik woon op nummer 12-A.",
    "שלום, הפח מלא",
    "İstanbul'dan geldim, çöp kutusu dolu; ğüşıöç",
    "Zażółć gęślą jaźń, Łódź, źdźbło",
    "Привіт, контейнер переповнений. Καλημέρα. Xin chào, thùng rác đầy ở đường.",
    "垃圾桶满了。 ゴミ箱がいっぱい 쓰레기통",
    "ሰላም፡ ጓሓፍ መሊኡ። नमस्ते ภาษาไทย தமிழ்",
    "a" * 4096,
    "https://voorbeeldstad.example/" + "pad-van-alles_en%20nog/wat?x=" * 40,
    "Hottentottententententoonstellingsmakersopleiding is een woord",
    "nul\x00, bel\x07, esc\x1b[31m, us\x1f, del\x7f, c1\x9b en\r\nregel\x85nog een\u2028en nog",
    "om\u202egekeerd fdp.exe\u202c, \u2066los\u2069, on\u200bzicht\u200cbaar, ja\xadja \ufeff",
    "Z" + "\u0301\u0302\u0303\u0308\u030a\u0330\u0331\u0332" * 30 + "algo",
    "priv\ue000 \U000f0000 geen \ufffe \U0010ffff half \ud83d los",
    "wiskunde 𝕳𝖆𝖑𝖑𝖔 𝓱𝓪𝓵𝓵𝓸 ⓗⓐⓛⓛⓞ ∑∫√ ½ € £ ₺ ↗ ▓ ♫",
    "",
    "\n\n\n",
)


def of(*texts: str, conversations: int = 1) -> Report:
    """A report with these messages, divided over the conversations."""
    messages = tuple(
        msgspec.structs.replace(
            IN if n % 3 else OUT, id=f"bericht-{n}", at=at(n * 7), text=text, annotations=()
        )
        for n, text in enumerate(texts)
    )
    step = -(-len(messages) // conversations)
    parts = [messages[n : n + step] for n in range(0, len(messages), step)]
    made = tuple(
        msgspec.structs.replace(
            CONVERSATION, id=f"gesprek-{n}", opened_at=part[0].at, messages=part
        )
        for n, part in enumerate(parts)
    )
    return msgspec.structs.replace(REPORT, conversations=made)


def nasty() -> Report:
    """Nasty in every place where a text of others can be."""
    short = 'a\x00"\\#x[*😀 مر\u202e' + "w" * 80
    made = of(*NASTY_TEXTS, conversations=2)
    first, *others = made.conversations
    message = msgspec.structs.replace(
        LETTER,
        type="soort" * 9,
        files=(_file(4, name=short + ".pdf", reason=short, type=short, state="quarantined"),),
        department=short,
        reason=short,
        statuses=(report.Step(status=short, at=at(0), reason=short),),
        annotations=(report.Annotation(at=at(1), by=short, text=NASTY_TEXTS[5]),),
    )
    first = msgspec.structs.replace(
        first,
        departments=(short,) * 3,
        zaak=short,
        messages=(message, *first.messages),
        notes=(report.Note(id="n", at=at(1), department=short, text=NASTY_TEXTS[13]),),
    )
    return msgspec.structs.replace(
        made,
        municipality=Municipality(name="'s-Gravenhage #1", contact=short, officer=short),
        about=(
            Identifier(kind=short, value=short),
            Identifier(kind="phone", value=short, found=False),
        ),
        made_by=short,
        request=report.Request(id=short),
        conversations=(first, *others),
        consents=(report.Consent(purpose=short, source=short),),
        identity_changes=(report.IdentityChange(at=at(0), kind=short, before=short, after=short),),
        deliveries=(
            report.Delivered(
                destination=short, count=1234567, first_at=at(0), last_at=at(1), state=short
            ),
        ),
        views=(report.View(at=at(0), department=short, token=short, what=short, why=short),),
        copies=(report.Copy(place=short, what=short),),
    )
