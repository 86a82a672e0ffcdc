"""Templates: a text that Meta approved before, with parameters. Pure.

Members and types are Meta's, in camelCase. Only Meta has the text of a template and its parameters;
this module refuses what no template accepts.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, field_validator
from pydantic.config import JsonDict

from services.api.field_types import (
    ID_OR_LINK,
    SPARED,
    Body,
    BoundedText,
    DistinctItems,
    Filename,
    Id,
    Link,
    PatternText,
    exactly_one_of,
    optional_not_null,
    validation_error,
)
from services.language.readability import length

MAX_PARAMETERS = 50
"""Parameters of one component: more than a text of 1,024 characters has room for."""
HEADER_CHARACTERS = 60

# Rules of the validators below, in JSON Schema.
SHORT_TEXT: JsonDict = {
    "not": {
        "contains": {
            "required": ["text"],
            "properties": {"text": {"minLength": HEADER_CHARACTERS + 1}},
        }
    }
}
ALL_NAMED_OR_NONE: JsonDict = {
    "if": {"contains": {"required": ["parameterName"]}},
    "then": {"items": {"required": ["parameterName"]}},
}
Name = Annotated[
    str, PatternText(r"[a-z][a-z0-9_]{0,59}", "must be a parameter's name: a-z, 0-9 and _")
]
ParameterText = Annotated[
    str,
    BoundedText(1024),
    PatternText(
        r"(?:[^\S\r\n\t]{0,4}[^\s])+[^\S\r\n\t]{0,4}",
        "must be one line, without tabs and without more than four spaces in a row",
    ),
]
"""Text of a parameter. Meta refuses other texts (its error 132018)."""
FlowData = Annotated[dict[str, JsonValue], Field(min_length=1)]
Token = Annotated[str, BoundedText(200)]


class TextParameter(Body):
    type: Literal["text"]
    text: ParameterText
    parameter_name: Annotated[Name | None, SPARED] = optional_not_null()
    """Name of the parameter; left out: the order counts."""


class Currency(Body):
    fallback_value: ParameterText
    """Text that is shown if the amount is not, such as `€ 12,50`."""
    code: Annotated[str, PatternText(r"[A-Z]{3}", "must be a currency of ISO 4217, as EUR")]
    amount_1000: Annotated[int, Field(ge=-(2**31), lt=2**31)]
    """Amount times 1,000."""


class CurrencyParameter(Body):
    type: Literal["currency"]
    currency: Currency
    parameter_name: Annotated[Name | None, SPARED] = optional_not_null()


class TemplateDate(Body):
    fallback_value: ParameterText
    """Text that is shown, such as `3 december 2026`."""


class DateTimeParameter(Body):
    type: Literal["date_time"]
    date_time: TemplateDate
    parameter_name: Annotated[Name | None, SPARED] = optional_not_null()


class TemplateFile(Body):
    """A file: an upload, or a link from which Meta fetches it."""

    model_config = ConfigDict(json_schema_extra=ID_OR_LINK)

    id: Annotated[Id | None, SPARED] = optional_not_null()
    """Id of an upload (`POST /v1/media`)."""
    link: Annotated[Link | None, SPARED] = optional_not_null()

    @field_validator("link")
    @classmethod
    def _one_source(cls, link: str | None, info: ValidationInfo) -> str | None:
        exactly_one_of("id", link, info)
        return link


class TemplateDocument(TemplateFile):
    filename: Annotated[Filename | None, SPARED] = optional_not_null()


class ImageParameter(Body):
    type: Literal["image"]
    image: TemplateFile


class VideoParameter(Body):
    type: Literal["video"]
    video: TemplateFile


class DocumentParameter(Body):
    type: Literal["document"]
    document: TemplateDocument


class TemplatePlace(Body):
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    name: Annotated[str, BoundedText(256)]
    address: Annotated[str, BoundedText(256)]


class LocationParameter(Body):
    type: Literal["location"]
    location: TemplatePlace


HeaderParameter = Annotated[
    TextParameter | ImageParameter | VideoParameter | DocumentParameter | LocationParameter,
    Field(discriminator="type"),
]


class HeaderFilling(Body):
    """The header above the text: one parameter."""

    type: Literal["header"]
    parameters: Annotated[
        tuple[HeaderParameter, ...],
        Field(min_length=1, max_length=1, json_schema_extra=SHORT_TEXT),
    ]
    """One parameter; a text has at most 60 characters."""

    @field_validator("parameters")
    @classmethod
    def _check_length(cls, parameters: tuple[HeaderParameter, ...]) -> tuple[HeaderParameter, ...]:
        for parameter in parameters:
            if isinstance(parameter, TextParameter) and length(parameter.text) > HEADER_CHARACTERS:
                raise validation_error(
                    "must have a text of at most {most} characters", most=HEADER_CHARACTERS
                )
        return parameters


BodyParameter = Annotated[
    TextParameter | CurrencyParameter | DateTimeParameter, Field(discriminator="type")
]


class BodyFilling(Body):
    """The parameters in the text."""

    type: Literal["body"]
    parameters: Annotated[
        tuple[BodyParameter, ...],
        Field(min_length=1, max_length=MAX_PARAMETERS, json_schema_extra=ALL_NAMED_OR_NONE),
        DistinctItems("parameter_name", "must have names that differ"),
    ]
    """Parameters with names that differ, or without names in their order."""

    @field_validator("parameters")
    @classmethod
    def _check_names(cls, parameters: tuple[BodyParameter, ...]) -> tuple[BodyParameter, ...]:
        if len({parameter.parameter_name is None for parameter in parameters}) > 1:
            raise validation_error("must all have a name, or none")
        return parameters


Index = Annotated[int, Field(ge=0, le=9)]
"""Place of the button in the template, from 0."""


class PayloadParameter(Body):
    type: Literal["payload"]
    payload: Annotated[str, BoundedText(128)]
    """Payload that the event has when the citizen taps the button."""


class SuffixParameter(Body):
    type: Literal["text"]
    text: Annotated[str, BoundedText(2000), PatternText(r"[^\s\\]*", "must have no spaces in it")]
    """Text that is appended to the link in the template."""


class CouponParameter(Body):
    type: Literal["coupon_code"]
    coupon_code: Annotated[
        str, BoundedText(15), PatternText(r"[!-~]*", "must be letters, digits and signs")
    ]


class FlowStart(Body):
    flow_token: Annotated[Token | None, SPARED] = optional_not_null()
    """Token that the event with the answers has; without personal data."""
    flow_action_data: Annotated[FlowData | None, SPARED] = optional_not_null()
    """Data for the first screen."""


class FlowParameter(Body):
    type: Literal["action"]
    action: FlowStart


ButtonParameter = Annotated[
    PayloadParameter | SuffixParameter | CouponParameter | FlowParameter,
    Field(discriminator="type"),
]
PARAMETER_TYPES = {
    "quick_reply": "payload",
    "url": "text",
    "copy_code": "coupon_code",
    "flow": "action",
}
"""Kind of a button -> type of its parameter."""
TYPE_OF_BUTTON: JsonDict = {
    "dependentSchemas": {
        "subType": {
            "oneOf": [
                {
                    "properties": {
                        "subType": {"const": kind},
                        "parameters": {"items": {"properties": {"type": {"const": type}}}},
                    }
                }
                for kind, type in PARAMETER_TYPES.items()
            ]
        }
    }
}
"""The same in JSON Schema."""


class ButtonFilling(Body):
    """The parameter of a button, of the type that goes with `subType`."""

    model_config = ConfigDict(json_schema_extra=TYPE_OF_BUTTON)

    type: Literal["button"]
    sub_type: Literal["quick_reply", "url", "copy_code", "flow"]
    index: Index
    parameters: Annotated[tuple[ButtonParameter, ...], Field(min_length=1, max_length=1)]

    @field_validator("parameters")
    @classmethod
    def _check_type(
        cls, parameters: tuple[ButtonParameter, ...], info: ValidationInfo
    ) -> tuple[ButtonParameter, ...]:
        expected = PARAMETER_TYPES.get(info.data.get("sub_type", ""))
        if expected and parameters[0].type != expected:
            raise validation_error(f"must be of type {expected} for this subType")
        return parameters


Component = Annotated[HeaderFilling | BodyFilling | ButtonFilling, Field(discriminator="type")]


class Template(Body):
    name: Annotated[
        str, PatternText(r"[a-z0-9_]{1,512}", "must be the name of a template: a-z, 0-9 and _")
    ]
    language: Annotated[
        str,
        PatternText(
            r"[a-z]{2,3}(?:_[A-Z]{2,3})?", "must be a language of a template, as nl or en_US"
        ),
    ]
    components: Annotated[
        tuple[Component, ...],
        Field(max_length=12),
        DistinctItems("index", "must have buttons with indexes that differ"),
    ] = ()
    """At most one header, one body and ten buttons, whose indexes differ."""

    @field_validator("components")
    @classmethod
    def _check_kinds(cls, components: tuple[Component, ...]) -> tuple[Component, ...]:
        for kind in ("header", "body"):
            if sum(component.type == kind for component in components) > 1:
                raise validation_error("must have at most one header and one body")
        return components
