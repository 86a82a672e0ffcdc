"""Templates as an employee fills them in, and as the citizen will see them. Pure."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from desk.postkamer.templates import Parameter, Template

HOLE = re.compile(r"\{\{\s*([a-z0-9_]+)\s*\}\}")
"""Place of a value in the text of a template."""
MAX_VALUE = 1024


class Part(msgspec.Struct, frozen=True):
    """One part of what the citizen sees."""

    type: str
    text: str


def preview(template: Template, values: Sequence[str]) -> list[Part]:
    """Return what the citizen will see, from above to below. A value that is not given is shown
    by its example in brackets."""
    parts = []
    for component in template.components:
        own = _values_of(template, component.type, None, values)
        if component.text:
            parts.append(Part(component.type, _filled(component.text, own)))
        elif component.format:
            parts.append(Part(component.type, component.format.lower()))
        parts += [Part("button", button.text) for button in component.buttons]
    return parts


def message_components(template: Template, values: Sequence[str]) -> list[dict[str, Any]]:
    """Return the components of a message with this template and these values."""
    numbered = list(zip(template.parameters, values, strict=True))

    def place(pair: tuple[Parameter, str]) -> tuple[str, str, int]:
        parameter = pair[0]
        return parameter.component, parameter.sub_type or "", parameter.index or 0

    return [_component(list(group)) for _, group in groupby(numbered, key=place)]


def _component(pairs: Sequence[tuple[Parameter, str]]) -> dict[str, Any]:
    first = pairs[0][0]
    component: dict[str, Any] = {"type": first.component}
    if first.sub_type is not None:
        component |= {"subType": first.sub_type, "index": first.index}
    component["parameters"] = [_parameter(each, value) for each, value in pairs]
    return component


def _parameter(parameter: Parameter, value: str) -> dict[str, Any]:
    given: dict[str, Any] = {"type": "text", "text": value}
    if parameter.parameter_name:
        given["parameterName"] = parameter.parameter_name
    return given


def _values_of(
    template: Template, component: str, index: int | None, values: Sequence[str]
) -> Mapping[str, str]:
    """Return the values of one component, by the name or the number of their places."""
    own: dict[str, str] = {}
    for n, parameter in enumerate(template.parameters):
        if (parameter.component, parameter.index) == (component, index):
            given = values[n] if n < len(values) else ""
            name = parameter.parameter_name or str(len(own) + 1)
            own[name] = given or f"[{parameter.sample or name}]"
    return own


def _filled(text: str, values: Mapping[str, str]) -> str:
    return HOLE.sub(lambda match: values.get(match[1], match[0]), text)
