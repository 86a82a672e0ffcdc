"""What a member of a body may hold: texts counted as Meta may count them, forms, what may be left
out. Pure; a fault's sentence stands beside the rule, and never holds what was sent."""

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from services.ids import CONVERSATION
from services.language.readability import length

OURS = "ours"
"""Type of an error whose message is the sentence to give."""

Json = dict[str, Any]


def validation_error(sentence: str, **numbers: int) -> PydanticCustomError:
    """A fault in our words; `numbers` are our own limits."""
    return PydanticCustomError(OURS, sentence, numbers)


class Body(BaseModel):
    """What every part of a body is: exact, unchangeable, in camelCase."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        allow_inf_nan=False,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
        use_attribute_docstrings=True,
    )


class BoundedText(msgspec.Struct, frozen=True):
    """A text with something in it, of at most so many characters."""

    most: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        return handler(schema) | {"minLength": 1, "maxLength": self.most}

    def _checked(self, text: str) -> str:
        if not text.strip():
            raise validation_error("must not be empty")
        if length(text) > self.most:
            raise validation_error("is over {most} characters", most=self.most)
        return text


class PatternText(msgspec.Struct, frozen=True):
    """A text of one form; `must` says which."""

    pattern: str
    must: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        return handler(schema) | {"pattern": f"^(?:{self.pattern})$"}

    def _checked(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise validation_error(self.must)
        return text


_NOTHING = object()


class _Spared(msgspec.Struct, frozen=True):
    """Lets the default pass as None, and refuses `null`, which would be a third meaning."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        inner = self._never_null(handler(source))
        return core_schema.no_info_wrap_validator_function(self._checked, inner)

    def _never_null(self, schema: Any) -> Any:
        """Without the `| None` that the type has for the default's sake, however deep it stands."""
        if schema["type"] == "nullable":
            return schema["schema"]
        if "schema" in schema:
            return schema | {"schema": self._never_null(schema["schema"])}
        return schema

    def _checked(self, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return None if value is _NOTHING else handler(value)


SPARED = _Spared()
"""Marks a member that may be left out; `spared()` is its default."""


def optional_not_null() -> Any:
    """None, looked at all the same: members that need or exclude each other say so together."""
    return Field(default_factory=lambda: _NOTHING, validate_default=True)


class DistinctItems(msgspec.Struct, frozen=True):
    """A list in which no two have the same of something."""

    what: str
    sentence: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def _checked(self, all: tuple[Any, ...]) -> tuple[Any, ...]:
        given = [value for one in all if (value := getattr(one, self.what, None)) is not None]
        if len(set(given)) < len(given):
            raise validation_error(self.sentence)
        return all


ID_OR_LINK: Json = {
    "oneOf": [{"required": ["id"]}, {"required": ["link"]}],
}
"""Exactly one of them, in JSON Schema; `one_of` says it to whoever sends."""

LINK_CHARACTERS = 2000
"""Of a URL: what browsers and Meta's own buttons take."""

Link = Annotated[
    str,
    BoundedText(LINK_CHARACTERS),
    PatternText(
        r"https://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?", "must be a link that begins with https://"
    ),
    Field(json_schema_extra={"format": "uri"}),
]
"""Only https, and no name or password in it: Meta fetches it, or a citizen opens it."""

Filename = Annotated[
    str,
    BoundedText(240),
    PatternText(r"[^/\\\x00-\x1f]*", "must be a name without path or control characters"),
]

MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)
"""As RFC 3339 writes it. Readers of times take more: seconds since 1970, a space for the T."""


class _Moment(msgspec.Struct, frozen=True):
    """A text that says when, with its offset."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        text = core_schema.str_schema()
        return core_schema.no_info_after_validator_function(self._read, text)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        return {"type": "string", "format": "date-time"}

    def _read(self, text: str) -> datetime:
        try:
            return datetime.fromisoformat(MOMENT.fullmatch(text)[0].upper())  # type: ignore[index]
        except (TypeError, ValueError):
            raise validation_error(
                "must be a time with its offset, as 2026-12-01T17:00:00+01:00"
            ) from None


Moment = Annotated[datetime, _Moment()]

OurNumber = Annotated[
    str, PatternText(r"[a-z0-9][a-z0-9-]{0,62}", "must be the id of a number of ours")
]
Department = Annotated[
    str, PatternText(r"[a-z0-9][a-z0-9-]{0,62}", "must be the id of a department, as burgerzaken")
]
Purpose = Annotated[
    str, PatternText(r"[a-z0-9][a-z0-9-]{0,62}", "must be the id of a purpose, as herinneringen")
]
"""The municipality's own word for what a citizen agreed to; few of them, and the same each time."""
Conversation = Annotated[str, PatternText(CONVERSATION.pattern, "must be the id of a conversation")]


def exactly_one_of(other: str, value: object, info: ValidationInfo) -> None:
    """Raises unless exactly one is given of `value` and the member `other`, which stands before it.

    Where `other` is wrong itself, that is told already.
    """
    if other not in info.data:
        return
    if value is None and info.data[other] is None:
        raise validation_error(f"must be given, or {to_camel(other)}")
    if value is not None and info.data[other] is not None:
        raise validation_error(f"does not go with {to_camel(other)}")
