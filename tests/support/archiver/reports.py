"""Reports about one person for a test: an ordinary one, a nasty one, a long one."""

from datetime import UTC, date, datetime, timedelta

import msgspec

from archiver.subject_access.report import (
    Annotation,
    Consent,
    Conversation,
    Copy,
    Delivered,
    File,
    Identifier,
    IdentityChange,
    Message,
    Municipality,
    Note,
    Period,
    Purpose,
    Report,
    Request,
    Step,
    View,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


IN = Message(
    id="018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11",
    at=at(0),
    direction="in",
    type="text",
    text="Mijn container is vol, en hij wordt al weken niet geleegd.",
    department="Openbare ruimte",
    reason='"container" staat erin (regel afval)',
    annotations=(Annotation(at=at(4000), by="Openbare ruimte", text="Niet weken, maar één week."),),
)
PHOTO = Message(
    id="018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c12",
    at=at(1),
    direction="in",
    type="image",
    text="Kijk maar",
    department="Openbare ruimte",
    reason="hoort bij het gesprek",
    files=(
        File(
            id="018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c12",
            type="image/jpeg",
            size=48213,
            sha256="6c" * 32,
        ),
    ),
)
OUT = Message(
    id="018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c13",
    at=at(12),
    direction="out",
    type="text",
    text="Dank u wel. Morgen komen wij langs.",
    author="employee",
    department="Openbare ruimte",
    statuses=(
        Step(status="sent", at=at(12)),
        Step(status="delivered", at=at(12.2)),
        Step(status="read", at=at(1300)),
    ),
)
LETTER = Message(
    id="018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c14",
    at=at(1310),
    direction="echo",
    type="document",
    author="employee",
    department="Klantcontact",
    files=(
        File(
            id="018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c14",
            name="Ophaalschema 2026.pdf",
            type="application/pdf",
            size=1_248_213,
            state="quarantined",
            reason="de virusscanner vond iets",
        ),
    ),
)
CONVERSATION = Conversation(
    id="106540352242922-mfrggzdfmztwq2lknnwg23tpoa",
    opened_at=at(0),
    closed_at=at(2000),
    departments=("Klantcontact", "Openbare ruimte"),
    zaak="ZAAK-2026-0012345",
    kept_until=date(2031, 11, 21),
    messages=(IN, PHOTO, OUT, LETTER),
    notes=(
        Note(
            id="018fe5a4-9d31-7c02-8b6a-51c3b8a0e7d4",
            at=at(6),
            department="Openbare ruimte",
            text="Staat bij de school, niet bij het huis",
        ),
    ),
)
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
    request=Request(id="AVG-2026-0042", received_on=date(2026, 11, 25), due_on=date(2026, 12, 25)),
    period=Period(since=date(2026, 1, 1), until=date(2026, 11, 30)),
    purposes=(
        Purpose(
            text="Wij gebruiken uw gegevens om uw vraag te beantwoorden.",
            ground="AVG, artikel 6, lid 1, onder e",
        ),
    ),
    retention=("Een gesprek bewaren wij een jaar nadat het is afgesloten.",),
    conversations=(CONVERSATION,),
    consents=(
        Consent(
            purpose="Melding als de container wordt geleegd",
            given_at=at(20),
            source="Formulier op de website",
        ),
    ),
    identity_changes=(
        IdentityChange(at=at(-9000), kind="phone", before="31600000010", after="31600000011"),
    ),
    deliveries=(Delivered(destination="Zaaksysteem", count=4, first_at=at(0), last_at=at(1310)),),
    views=(
        View(at=at(3), department="Openbare ruimte", what="Gesprek", why="Behandelen"),
        View(at=at(900), token="zaaksysteem", what="Bestand"),
    ),
    copies=(
        Copy(place="Zaaksysteem", what="Uw berichten en bestanden"),
        Copy(place="Back-ups", what="Een kopie van het archief", until=date(2027, 1, 15)),
    ),
)
"""As one is: a conversation of two days, with all that the record can have of it."""

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
    """A report with these messages, dealt out over the conversations."""
    said = tuple(
        msgspec.structs.replace(
            IN if n % 3 else OUT, id=f"bericht-{n}", at=at(n * 7), text=text, annotations=()
        )
        for n, text in enumerate(texts)
    )
    step = -(-len(said) // conversations)
    told = tuple(
        msgspec.structs.replace(
            CONVERSATION, id=f"gesprek-{n}", opened_at=said[n].at, messages=said[n : n + step]
        )
        for n in range(0, len(said), step)
    )
    return msgspec.structs.replace(REPORT, conversations=told)


def nasty() -> Report:
    """Nasty in every place where anybody's text can come."""
    short = 'a\x00"\\#x[*😀 مر\u202e' + "w" * 80
    told = of(*NASTY_TEXTS, conversations=2)
    first = told.conversations[0]
    file = msgspec.structs.replace(LETTER.files[0], name=short + ".pdf", reason=short, type=short)
    said = msgspec.structs.replace(
        LETTER,
        type="soort" * 9,
        files=(file,),
        department=short,
        reason=short,
        statuses=(Step(status=short, at=at(0), reason=short),),
        annotations=(Annotation(at=at(1), by=short, text=NASTY_TEXTS[5]),),
    )
    return msgspec.structs.replace(
        told,
        municipality=Municipality(name="'s-Gravenhage #1", contact=short, officer=short),
        about=(
            Identifier(kind=short, value=short),
            Identifier(kind="phone", value=short, found=False),
        ),
        made_by=short,
        request=Request(id=short),
        conversations=(
            msgspec.structs.replace(
                first,
                departments=(short,) * 3,
                zaak=short,
                messages=(said, *first.messages),
                notes=(Note(id="n", at=at(1), department=short, text=NASTY_TEXTS[13]),),
            ),
            *told.conversations[1:],
        ),
        consents=(Consent(purpose=short, source=short),),
        identity_changes=(IdentityChange(at=at(0), kind=short, before=short, after=short),),
        deliveries=(
            Delivered(destination=short, count=1234567, first_at=at(0), last_at=at(1), state=short),
        ),
        views=(View(at=at(0), department=short, token=short, what=short, why=short),),
        copies=(Copy(place=short, what=short),),
    )
