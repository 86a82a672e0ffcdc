"""Types of the members of a request body: bounded texts, patterns, optional members. Pure.

Texts are counted as Meta may count them. Each rule has its own error sentence, which never contains
the input.
"""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from services.ids import CONVERSATION, UUID_FORM
from services.language.readability import length
from services.retention.selection_list import RESULTS

OURS = "ours"
"""Type of an error whose message is our own sentence."""
OURS_OF_OBJECT = "ours of the object"
"""Type of such an error that is about the object that has the member, not about the member."""

Json = dict[str, Any]


def validation_error(sentence: str, **numbers: int) -> PydanticCustomError:
    """Return an error with our own sentence; `numbers` fills in our own limits."""
    return PydanticCustomError(OURS, sentence, numbers)


def object_error(sentence: str) -> PydanticCustomError:
    """Return an error about an object, for the validator of one of its members. A validator of the
    object would run only if all members are valid, and the caller would not get all faults at once.
    """
    return PydanticCustomError(OURS_OF_OBJECT, sentence)


class Body(BaseModel):
    """Base of every object in a request body: strict, frozen, in camelCase."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        allow_inf_nan=False,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
        use_attribute_docstrings=True,
    )


NOT_BLANK = r"\S"


class BoundedText(msgspec.Struct, frozen=True):
    """A text that is not blank, of at most `max_length` characters."""

    max_length: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        bounds = {"minLength": 1, "maxLength": self.max_length}
        return {"pattern": NOT_BLANK} | handler(schema) | bounds

    def _check(self, text: str) -> str:
        if not text.strip():
            raise validation_error("must not be empty")
        if length(text) > self.max_length:
            raise validation_error("is over {most} characters", most=self.max_length)
        return text


class PatternText(msgspec.Struct, frozen=True):
    """A text that matches `pattern`; `must` is the error sentence."""

    pattern: str
    must: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        return handler(schema) | {"pattern": f"^(?:{self.pattern})$"}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise validation_error(self.must)
        return text


_NOTHING = object()


class _OptionalNotNull(msgspec.Struct, frozen=True):
    """Turns an absent member into None, and refuses `null`, which would be a third meaning."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        inner = self._never_null(handler(source))
        return core_schema.no_info_wrap_validator_function(self._check, inner)

    def _never_null(self, schema: Any) -> Any:
        """Return the schema without the `| None` that the type has only for the default."""
        if schema["type"] == "nullable":
            return schema["schema"]
        if "schema" in schema:
            return schema | {"schema": self._never_null(schema["schema"])}
        return schema

    def _check(self, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return None if value is _NOTHING else handler(value)


SPARED = _OptionalNotNull()
"""Marks a member that may be left out; its default is `optional_not_null()`."""


def optional_not_null() -> Any:
    """Return a default that becomes None and is still validated, so that a validator can compare
    members that need or exclude each other."""
    return Field(default_factory=lambda: _NOTHING, validate_default=True)


class DistinctItems(msgspec.Struct, frozen=True):
    """A list in which no two items have the same value of the attribute `what`."""

    what: str
    sentence: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        values = [value for item in items if (value := getattr(item, self.what, None)) is not None]
        if len(set(values)) < len(values):
            raise validation_error(self.sentence)
        return items


ID_OR_LINK: Json = {
    "if": {"required": ["id"]},
    "then": {"not": {"required": ["link"]}},
    "else": {"required": ["link"]},
}
"""Exactly one of `id` and `link`, in JSON Schema; `exactly_one_of` checks it. It is no `oneOf`, of
which client generators make a class for each way."""


def _check_uuid(text: object) -> object:
    if isinstance(text, str) and not UUID_FORM.fullmatch(text):
        raise validation_error("must be a UUID")
    return text


Id = Annotated[UUID, BeforeValidator(_check_uuid)]

LINK_CHARACTERS = 2000
"""Largest length of a URL that browsers and Meta's own buttons accept."""

Link = Annotated[
    str,
    BoundedText(LINK_CHARACTERS),
    PatternText(
        r"https://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?", "must be a link that begins with https://"
    ),
    Field(json_schema_extra={"format": "uri"}),
]
"""An https URL without a user name or password: Meta fetches it, or a citizen opens it."""

Filename = Annotated[
    str,
    BoundedText(240),
    PatternText(
        r"[^/\\\x00-\x1f]*[^/\\\s\x00-\x1f][^/\\\x00-\x1f]*",
        "must be a name without path or control characters",
    ),
]

MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)
"""Time in the notation of RFC 3339. Parsers accept more: seconds since 1970, a space for the T."""


class _Moment(msgspec.Struct, frozen=True):
    """A date and time as text, with its offset."""

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
"""The municipality's own id of a purpose that citizens consent to, from a short fixed list."""


def _check_result(code: str) -> str:
    if code not in RESULTS:
        raise validation_error("must be a result of the selection list 2020, as 6.1.3")
    return code


RetentionCode = Annotated[
    str,
    PatternText(
        r"[0-9]{1,2}(\.[0-9]{1,2}){1,2}", "must be a result of the selection list, as 6.1.3"
    ),
    AfterValidator(_check_result),
]
Conversation = Annotated[str, PatternText(CONVERSATION.pattern, "must be the id of a conversation")]


def exactly_one_of(other: str, value: object, info: ValidationInfo) -> None:
    """Raise unless exactly one is present of `value` and the earlier member `other`.

    If `other` is invalid, that error is reported already.
    """
    if other not in info.data:
        return
    if value is None and info.data[other] is None:
        raise validation_error(f"must be given, or {to_camel(other)}")
    if value is not None and info.data[other] is not None:
        raise validation_error(f"does not go with {to_camel(other)}")
