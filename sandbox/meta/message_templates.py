"""Templates of Voorbeeldstad at Meta: the list that Meta shows, and the messages that it refuses.

Each account has these. A message with a template of another name is accepted, so that an example
can have any.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

Json = dict[str, Any]

SHAPE = {"name": 512, "language": {"code": 20}}
"""Shape of every message with a template, as `send_validation` checks it."""
PAGE = 25
"""Templates in a page unless the request says another number."""
LARGEST_PAGE = 250
DEFAULT_FIELDS = ["name", "parameter_format", "components", "language", "status", "category", "id"]
FIELDS = frozenset([*DEFAULT_FIELDS, "quality_score", "rejected_reason"])
"""Fields that a request may ask for; the first are shown without being asked for."""
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
FILES = ("IMAGE", "VIDEO", "DOCUMENT", "LOCATION")
APPROVED = "APPROVED"
COUNT, ABSENT, FORMAT, PAUSED, DISABLED, MISSING = 132000, 132001, 132012, 132015, 132016, 131008
BLOCKED = {"PAUSED": PAUSED, "DISABLED": DISABLED}
"""Status -> Meta's error; of any other but APPROVED it says that there is no such template."""


class TemplateChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /phone/numbers/{id}/_template; members that are left out do not change."""

    name: str
    language: str = "nl"
    status: str = ""
    quality: str = ""
    reason: str = "NONE"


def _template(name: str, category: str, components: Sequence[Json], **more: Any) -> Json:
    number = sum(name.encode()) * 1_000_003 + sum(more.get("language", "nl").encode())
    given: Json = {
        "name": name,
        "parameter_format": "POSITIONAL",
        "components": list(components),
        "language": "nl",
        "status": APPROVED,
        "category": category,
        "quality_score": {"score": "GREEN", "date": 1_795_000_000},
        "id": str(594_000_000_000_000 + number),
    }
    return given | more


def _header(text: str) -> Json:
    return {"type": "HEADER", "format": "TEXT", "text": text}


def _body(text: str, *examples: str) -> Json:
    example = {"example": {"body_text": [list(examples)]}} if examples else {}
    return {"type": "BODY", "text": text} | example


def _named_body(text: str, **examples: str) -> Json:
    named = [{"param_name": name, "example": value} for name, value in examples.items()]
    return {"type": "BODY", "text": text, "example": {"body_text_named_params": named}}


def _footer(text: str) -> Json:
    return {"type": "FOOTER", "text": text}


def _buttons(*buttons: Json) -> Json:
    return {"type": "BUTTONS", "buttons": list(buttons)}


def _reply(text: str) -> Json:
    return {"type": "QUICK_REPLY", "text": text}


ASK = "Gemeente Voorbeeldstad heeft een antwoord op uw vraag. Mogen wij het sturen?"
ASK_IN_ENGLISH = "The municipality of Voorbeeldstad has an answer to your question. May we send it?"
ANSWER = (
    "Gemeente Voorbeeldstad antwoordt op uw vraag: {{1}} Wilt u verder praten? Stuur ons een"
    " bericht."
)
REMINDER = (
    "U heeft een afspraak bij gemeente Voorbeeldstad op {{1}} om {{2}}. Neem een geldig paspoort"
    " of een geldige identiteitskaart mee. Kunt u niet? Laat het ons weten."
)
DECISION = (
    "Beste inwoner, het besluit over uw aanvraag staat in de brief hierboven. Lees hem rustig."
)
CASE = (
    "Er is nieuws over uw aanvraag {{zaaknummer}}. De status is nu: {{status}}. Wij houden u op de"
    " hoogte."
)
MARKET = "De weekmarkt staat deze week op het Marktplein. Tot dan!"
SURVEY = "Wij hebben uw melding {{1}} afgehandeld. Bent u tevreden?"
TAX = "Uw aanslag van {{1}} staat klaar. Het bedrag is {{2}}."
CASE_BUTTON: Json = {
    "type": "URL",
    "text": "Aanvraag bekijken",
    "url": "https://www.voorbeeldstad.example/aanvraag/{{1}}",
    "example": ["https://www.voorbeeldstad.example/aanvraag/Z-2026-0118"],
}
CALL_BUTTON: Json = {"type": "PHONE_NUMBER", "text": "Bel ons", "phone_number": "+31850000999"}

TEMPLATES: tuple[Json, ...] = (
    _template("schrijf_terug", "UTILITY", [_body(ASK), _buttons(_reply("Ja, stuur maar"))]),
    _template(
        "schrijf_terug",
        "UTILITY",
        [_body(ASK_IN_ENGLISH), _buttons(_reply("Yes, please"))],
        language="en",
    ),
    _template("antwoord", "UTILITY", [_body(ANSWER, "De container is vandaag geleegd.")]),
    _template(
        "afspraak_herinnering",
        "UTILITY",
        [
            _header("Uw afspraak"),
            _body(REMINDER, "donderdag 3 december", "10.15 uur"),
            _footer("Gemeente Voorbeeldstad"),
            _buttons(_reply("Ik kom"), _reply("Ik kan niet")),
        ],
    ),
    _template(
        "besluit_klaar",
        "UTILITY",
        [
            {"type": "HEADER", "format": "DOCUMENT", "example": {"header_handle": ["4::YXBw"]}},
            _body(DECISION),
            _buttons(CASE_BUTTON, CALL_BUTTON),
        ],
        quality_score={"score": "UNKNOWN"},
    ),
    _template(
        "aanvraag_bijgewerkt",
        "UTILITY",
        [_named_body(CASE, zaaknummer="Z-2026-0118", status="in behandeling")],
        parameter_format="NAMED",
    ),
    _template(
        "markt_verplaatst",
        "MARKETING",
        [_header("Weekmarkt"), _body(MARKET), _buttons(_reply("Geen berichten meer"))],
        status="PAUSED",
        quality_score={"score": "RED", "date": 1_795_000_000},
    ),
    _template("melding_klaar", "UTILITY", [_body(SURVEY, "over de container")], status="PENDING"),
    _template(
        "aanslag_klaar",
        "UTILITY",
        [_body(TAX, "2026", "118 euro")],
        status="REJECTED",
        rejected_reason="TAG_CONTENT_MISMATCH",
    ),
)


class TemplatesOfAll:
    """Templates of every account, with what was changed."""

    def __init__(self) -> None:
        self._changes: dict[tuple[str, str, str], Json] = {}

    def of(self, account: str) -> list[Json]:
        return [
            each | self._changes.get((account, each["name"], each["language"]), {})
            for each in TEMPLATES
        ]

    def change(self, account: str, change: TemplateChange) -> Json:
        """Change a template, and return it as it was. Raises KeyError if there is none."""
        key = account, change.name, change.language
        before = find_template(self.of(account), change.name, change.language)
        if before is None:
            raise KeyError(change.name)
        status: Json = {"status": change.status} if change.status else {}
        quality: Json = {"quality_score": {"score": change.quality}} if change.quality else {}
        self._changes[key] = self._changes.get(key, {}) | status | quality
        return before


def find_template(templates: Sequence[Json], name: str, language: str) -> Json | None:
    key = name, language
    return next((each for each in templates if (each["name"], each["language"]) == key), None)


def describe_page(templates: Sequence[Json], query: Mapping[str, str], url: str) -> Json:
    """Return a page of a list, with the address of the next one. Raises ValueError for a cursor, a
    number or a field that Meta does not know."""
    limit = min(int(query.get("limit", PAGE)), LARGEST_PAGE)
    start = _place(query["after"]) if "after" in query else 0
    if limit < 1:
        raise ValueError("limit")
    fields = query["fields"].split(",") if "fields" in query else DEFAULT_FIELDS
    if not FIELDS.issuperset(fields):
        raise ValueError("fields")
    shown = templates[start : start + limit]
    data = [_only([*fields, "id"], each) for each in shown]
    if not shown:
        return {"data": []}
    end = start + len(shown)
    paging: Json = {"cursors": {"before": _cursor(start), "after": _cursor(end)}}
    if end < len(templates):
        paging["next"] = f"{url}?limit={limit}&after={_cursor(end)}"
    return {"data": data, "paging": paging}


def _only(fields: Sequence[str], template: Json) -> Json:
    return {name: template[name] for name in dict.fromkeys(fields) if name in template}


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"postkamer:{place}".encode()).decode().rstrip("=")


def _place(cursor: str) -> int:
    padded = cursor + "=" * (-len(cursor) % 4)
    return int(base64.urlsafe_b64decode(padded).decode().partition(":")[2])


def send_fault(content: Json, templates: Sequence[Json]) -> tuple[int, str]:
    """Return error code and details of a message with a template, or 0 if it can be sent."""
    name, language = content["name"], content["language"]["code"]
    if all(each["name"] != name for each in templates):
        return 0, ""
    template = find_template(templates, name, language)
    if template is None or template["status"] not in (APPROVED, *BLOCKED):
        return ABSENT, f"Template name ({name}) does not exist in {language}."
    if template["status"] != APPROVED:
        return BLOCKED[template["status"]], ""
    given = content.get("components", [])
    faults = (_part_fault(part, template, given) for part in template["components"])
    return next((fault for fault in faults if fault[0]), (0, ""))


def _part_fault(part: Json, template: Json, given: Sequence[Json]) -> tuple[int, str]:
    kind = part["type"].lower()
    if kind == "buttons":
        return next(_button_faults(part["buttons"], given), (0, ""))
    filled = [
        value for each in given if each.get("type") == kind for value in each.get("parameters", ())
    ]
    if part.get("format") in FILES:
        is_right = [value.get("type") for value in filled] == [part["format"].lower()]
        return (0, "") if is_right else (FORMAT, f"{kind}: expected {part['format']}.")
    names = list(dict.fromkeys(PLACEHOLDER.findall(part.get("text", ""))))
    if len(filled) != len(names):
        return COUNT, f"{kind}: number of parameters is {len(filled)}, expected {len(names)}."
    is_named = template["parameter_format"] == "NAMED"
    if is_named and sorted(names) != sorted(each.get("parameter_name", "") for each in filled):
        return FORMAT, f"{kind}: parameter names do not match."
    return 0, ""


def _button_faults(buttons: Sequence[Json], given: Sequence[Json]) -> Iterator[tuple[int, str]]:
    filled = {str(each.get("index")): each for each in given if each.get("type") == "button"}
    for index, button in enumerate(buttons):
        kind, value = button["type"], filled.get(str(index))
        if kind == "URL" and PLACEHOLDER.search(button["url"]) and value is None:
            yield MISSING, f"buttons: Button at index {index} of type Url requires a parameter."
        if kind == "PHONE_NUMBER" and value is not None:
            yield 100, f"buttons: Button at index {index} is of type Call and has no parameters."
