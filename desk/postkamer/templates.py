"""Templates of a number, as the gateway lists them. Pure."""

from datetime import datetime

import msgspec


class Parameter(msgspec.Struct, frozen=True, rename="camel"):
    """A value that a message with this template must give."""

    component: str
    type: str
    sub_type: str | None = None
    index: int | None = None
    parameter_name: str | None = None
    sample: str | None = None


class Button(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    text: str
    url: str | None = None
    phone_number: str | None = None


class Component(msgspec.Struct, frozen=True):
    type: str
    format: str | None = None
    text: str | None = None
    buttons: tuple[Button, ...] = ()


class Template(msgspec.Struct, frozen=True):
    name: str
    language: str
    category: str
    usable: bool
    reason: str | None = None
    components: tuple[Component, ...] = ()
    parameters: tuple[Parameter, ...] = ()

    @property
    def is_fillable(self) -> bool:
        """True if an employee can fill it in here: all of its values are texts."""
        return self.usable and all(each.type == "text" for each in self.parameters)


class Templates(msgspec.Struct, frozen=True, rename="camel"):
    templates: tuple[Template, ...]
    asked_at: datetime | None = None
    complete: bool = True


def find_template(templates: Templates, name: str, language: str) -> Template | None:
    found = (t for t in templates.templates if (t.name, t.language) == (name, language))
    return next(found, None)
