"""Templates as Meta shows them, also odd ones, and the values that a message must give."""

from typing import Any

import msgspec
import pytest

from services.whatsapp.templates import (
    LONGEST_TEXT,
    MAX_BUTTONS,
    MAX_PARTS,
    MessageTemplate,
    TemplatePart,
    read_template,
    required_values,
)

Json = dict[str, Any]

BODY: Json = {"type": "BODY", "text": "Dag"}


CALL: Json = {"type": "PHONE_NUMBER", "text": "Bel", "phone_number": "+31"}


def shown(*components: Json, **more: Any) -> Json:
    return {
        "name": "afspraak",
        "language": "nl",
        "status": "APPROVED",
        "components": list(components),
    } | more


def read(*components: Json, **more: Any) -> MessageTemplate:
    template = read_template(shown(*components, **more))
    assert template is not None
    return template


def values(*components: Json, **more: Any) -> list[tuple[Any, ...]] | None:
    """Component, type, name, kind and place of the button, and example of each value."""
    found = required_values(read(*components, **more))
    return (
        None
        if found is None
        else [
            (one.component, one.type, one.name, one.sub_type, one.index, one.example)
            for one in found
        ]
    )


def text_value(example: str = "", name: str = "", component: str = "body") -> tuple[Any, ...]:
    return (component, "text", name, "", None, example)


def test_template_has_what_meta_tells_and_nothing_more() -> None:
    given = shown(
        {"type": "HEADER", "format": "TEXT", "text": "Uw afspraak"},
        {"type": "BODY", "text": "Tot {{1}}", "example": {"body_text": [["3 december"]]}},
        {"type": "FOOTER", "text": "Gemeente"},
        {"type": "BUTTONS", "buttons": [CALL]},
        category="UTILITY", quality_score={"score": "GREEN", "date": 5}, id="594",
        parameter_format="POSITIONAL", rejected_reason="NONE",
    )  # fmt: skip
    template = read_template(given)
    assert template
    assert msgspec.json.decode(msgspec.json.encode(template)) == {
        "name": "afspraak",
        "language": "nl",
        "status": "APPROVED",
        "category": "UTILITY",
        "quality": "GREEN",
        "parameters": "POSITIONAL",
        "parts": [
            {"kind": "HEADER", "format": "TEXT", "text": "Uw afspraak"},
            {"kind": "BODY", "text": "Tot {{1}}", "examples": {"1": "3 december"}},
            {"kind": "FOOTER", "text": "Gemeente"},
            {
                "kind": "BUTTONS",
                "buttons": [{"kind": "PHONE_NUMBER", "text": "Bel", "phone": "+31"}],
            },
        ],
    }
    stored = msgspec.json.encode(template.parts)
    assert msgspec.json.decode(stored, type=tuple[TemplatePart, ...]) == template.parts


def test_words_of_a_provider_in_small_letters_are_meta_s() -> None:
    template = read({"type": "body", "text": "Dag"}, status="approved", category="utility")
    assert (template.status, template.category, template.parts[0].kind) == (
        "APPROVED", "UTILITY", "BODY",
    )  # fmt: skip


@pytest.mark.parametrize(
    "odd",
    [
        {"name": "Jan de Vries"},
        {"name": "x" * 513},
        {"name": None},
        {"language": "ne-derlands"},
        {"language": {}},
        {"status": ""},
        {"status": "een lange zin van iemand"},
        {"components": [BODY | {"text": "x" * (LONGEST_TEXT + 1)}]},
        {"components": [{"text": "zonder soort"}]},
        {"components": [BODY] * (MAX_PARTS + 1)},
        {"components": [{"type": "BUTTONS", "buttons": [{"type": "URL"}] * (MAX_BUTTONS + 1)}]},
        {"components": [{"type": "BUTTONS", "buttons": [{"text": "zonder soort"}]}]},
        {"components": [{"type": "BUTTONS", "buttons": [{"type": "URL", "url": "x" * 5000}]}]},
    ],
)
def test_template_out_of_bounds_is_not_read(odd: Json) -> None:
    assert read_template(shown(BODY)) is not None
    assert read_template(shown(BODY) | odd) is None


@pytest.mark.parametrize("odd", [None, 5, "x", [], [5], {}, {"score": 5}, {"example": [[]]}])
def test_template_with_odd_values_is_read_without_them(odd: Any) -> None:
    template = read(
        BODY | {"example": odd}, category=odd, quality_score=odd, parameter_format={"a": odd}
    )
    assert (template.quality, template.parameters) == ("" if odd != {"score": 5} else "5", "")
    assert template.parts == (TemplatePart("BODY", text="Dag"),)


def test_text_that_postgresql_cannot_store_is_mended() -> None:
    template = read({"type": "BODY", "text": "a\0b {{1}}", "example": {"body_text": [["\0"]]}})
    assert template.parts[0].text == "a\ufffdb {{1}}"
    assert template.parts[0].examples == {"1": "\ufffd"}


@pytest.mark.parametrize(
    ("text", "example", "expected"),
    [
        ("Dag", {}, []),
        ("Op {{1}} om {{2}}", {"body_text": [["3 dec", "10 uur"]]}, ["3 dec", "10 uur"]),
        ("Op {{2}} om {{1}}", {"body_text": [["3 dec", "10 uur"]]}, ["3 dec", "10 uur"]),
        ("Op {{1}}, ja {{1}}", {}, [""]),
        ("Op {{ 1 }}", {"body_text": ["3 dec"]}, ["3 dec"]),
        (" ".join(f"{{{{{n}}}}}" for n in range(11, 0, -1)), {}, [""] * 11),
    ],
)
def test_positional_values_are_asked_for_in_the_order_of_their_numbers(
    text: str, example: Json, expected: list[str]
) -> None:
    body = {"type": "BODY", "text": text, "example": example}
    asked = [text_value(each) for each in expected]
    assert values(body) == values(body, parameter_format="POSITIONAL") == asked


def test_named_values_are_asked_for_by_name_once_each() -> None:
    example = {"body_text_named_params": [{"param_name": "dag", "example": "3 dec"}, 5]}
    body = {"type": "BODY", "text": "Op {{dag}} om {{uur}}, ja {{dag}}", "example": example}
    expected = [text_value("3 dec", "dag"), text_value("", "uur")]
    assert values(body, parameter_format="NAMED") == values(body) == expected


def test_header_asks_for_its_one_value() -> None:
    header = {
        "type": "HEADER",
        "format": "TEXT",
        "text": "Zaak {{1}}",
        "example": {"header_text": ["Z"]},
    }
    assert values(header, BODY) == [text_value("Z", component="header")]
    named = header | {
        "text": "Zaak {{nr}}",
        "example": {"header_text_named_params": [{"param_name": "nr", "example": "Z"}]},
    }
    assert values(named, BODY, parameter_format="NAMED") == [text_value("Z", "nr", "header")]
    for format in ("IMAGE", "VIDEO", "DOCUMENT", "LOCATION"):
        assert values({"type": "HEADER", "format": format}, BODY) == [
            ("header", format.lower(), "", "", None, "")
        ]


URL: Json = {"type": "URL", "text": "Bekijk", "url": "https://x.example/{{1}}"}


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ({"type": "QUICK_REPLY", "text": "Ja"}, None),
        (CALL, None),
        (URL | {"url": "https://x.example/"}, None),
        (URL | {"example": ["https://x.example/a1"]}, ("text", "url", "a1")),
        (URL | {"example": ["a1"]}, ("text", "url", "a1")),
        ({"type": "COPY_CODE", "example": "25OFF"}, ("coupon_code", "copy_code", "25OFF")),
        ({"type": "FLOW", "text": "Vul in", "flow_id": 5}, ("action", "flow", "")),
    ],
)  # fmt: skip
def test_button_asks_for_its_value_at_its_place(
    button: Json, expected: tuple[str, str, str] | None
) -> None:
    buttons = {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Nee"}, button]}
    asked = [("button", expected[0], "", expected[1], 1, expected[2])] if expected else []
    assert values(BODY, buttons) == asked


@pytest.mark.parametrize(
    ("components", "more"),
    [
        ([], {}),
        ([{"type": "HEADER", "format": "TEXT", "text": "Dag"}], {}),
        ([{"type": "BODY"}], {}),
        ([{"type": "BODY", "text": "Op {{Dag}}"}], {}),
        ([{"type": "BODY", "text": "Op {{voor-naam}}"}], {"parameter_format": "NAMED"}),
        ([{"type": "BODY", "text": "Op {{1}} om {{uur}}"}], {}),
        ([{"type": "BODY", "text": "Op {{uur}}"}], {"parameter_format": "POSITIONAL"}),
        ([{"type": "BODY", "text": "Op {{1}}"}], {"parameter_format": "NAMED"}),
        ([{"type": "BODY", "text": "Op {{voor naam}}"}], {}),
        ([BODY, {"type": "BUTTONS", "buttons": [URL | {"url": "https://x.example/{{1"}]}], {}),
        ([BODY, {"type": "HEADER", "format": "GIF"}], {}),
        ([BODY, {"type": "HEADER", "format": "HOLOGRAM", "text": "x"}], {}),
        ([BODY, {"type": "CAROUSEL", "cards": []}], {}),
        ([BODY, {"type": "LIMITED_TIME_OFFER"}], {}),
        ([BODY, {"type": "BUTTONS", "buttons": [{"type": "MPM", "text": "x"}]}], {}),
        ([BODY, {"type": "BUTTONS", "buttons": [{"type": "OTP", "text": "x"}]}], {}),
    ],
)
def test_values_of_a_part_that_is_not_known_are_not_guessed(
    components: list[Json], more: Json
) -> None:
    assert required_values(read(*components, **more)) is None


def test_part_that_is_not_known_is_kept_by_its_kind_alone() -> None:
    template = read(BODY, {"type": "CAROUSEL", "text": "x", "cards": [{"components": []}]})
    assert template.parts[1] == TemplatePart("CAROUSEL")
