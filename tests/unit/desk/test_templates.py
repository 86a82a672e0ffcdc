"""Templates as an employee fills them in."""

import msgspec

from desk.conversation.templates import Part, message_components, preview
from desk.postkamer.templates import Template

TEMPLATE = msgspec.convert(
    {
        "name": "afspraak",
        "language": "nl",
        "category": "UTILITY",
        "usable": True,
        "components": [
            {"type": "header", "format": "TEXT", "text": "Afspraak {{1}}"},
            {"type": "body", "text": "Op {{1}} om {{2}}, {{1}}."},
            {"type": "buttons", "buttons": [{"type": "url", "text": "Bekijken", "url": "x/{{1}}"}]},
        ],
        "parameters": [
            {"component": "header", "type": "text", "sample": "A-1"},
            {"component": "body", "type": "text", "sample": "3 mei"},
            {"component": "body", "type": "text", "sample": "10 uur"},
            {"component": "button", "type": "text", "subType": "url", "index": 0, "sample": "a"},
        ],
    },
    Template,
)


def test_citizen_sees_the_values_where_they_belong() -> None:
    assert preview(TEMPLATE, ["B-2", "4 mei", "{{2}}", "b"]) == [
        Part("header", "Afspraak B-2"),
        Part("body", "Op 4 mei om {{2}}, 4 mei."),
        Part("button", "Bekijken"),
    ]


def test_value_that_is_not_given_yet_is_shown_by_its_example() -> None:
    assert preview(TEMPLATE, ["", "", "", ""])[1] == Part(
        "body", "Op [3 mei] om [10 uur], [3 mei]."
    )


def test_message_gives_the_values_of_each_component_in_order() -> None:
    def text(value: str) -> dict[str, str]:
        return {"type": "text", "text": value}

    assert message_components(TEMPLATE, ["B-2", "4 mei", "9 uur", "b"]) == [
        {"type": "header", "parameters": [text("B-2")]},
        {"type": "body", "parameters": [text("4 mei"), text("9 uur")]},
        {"type": "button", "subType": "url", "index": 0, "parameters": [text("b")]},
    ]


def test_named_values_keep_their_names() -> None:
    named = msgspec.convert(
        {
            "name": "n", "language": "nl", "category": "UTILITY", "usable": True,
            "components": [{"type": "body", "text": "Dag {{naam}}"}],
            "parameters": [{"component": "body", "type": "text", "parameterName": "naam"}],
        },
        Template,
    )  # fmt: skip
    assert preview(named, ["Fatima"]) == [Part("body", "Dag Fatima")]
    [component] = message_components(named, ["Fatima"])
    assert component["parameters"] == [{"type": "text", "text": "Fatima", "parameterName": "naam"}]


def test_template_with_a_file_is_not_filled_in_here() -> None:
    file = msgspec.convert({"component": "header", "type": "image"}, type(TEMPLATE.parameters[0]))
    assert TEMPLATE.is_fillable
    assert not msgspec.structs.replace(TEMPLATE, parameters=(file,)).is_fillable
    assert not msgspec.structs.replace(TEMPLATE, usable=False).is_fillable
