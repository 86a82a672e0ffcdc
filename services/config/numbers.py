"""Our numbers: each has our own lasting id, and its current and earlier registrations."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.config.providers import ProviderId
from services.toml.model import ConfigModel

MetaId = Annotated[str, Field(pattern=r"^[0-9]{5,32}$")]
EnvName = Annotated[str, Field(pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of the variable with a secret, never the secret itself."""


def refuse_user_info(url: str) -> str:
    """Refuse an address with a user name or password: many read the file, and a log of requests
    shows the address."""
    if re.match(r"[^/?#]*//[^/?#]*@", url):
        raise PydanticCustomError(
            "user_info",
            "An address has no user name or password: name a variable with it in a secret",
        )
    return url


WithoutUserInfo = AfterValidator(refuse_user_info)
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$"), WithoutUserInfo]
OptionalUrl = Annotated[
    str, Field(max_length=500, pattern=r"^(https?://[^\s]+)?$"), WithoutUserInfo
]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,253}$", to_lower=True)]
"""Host name in lower case, as in a parsed URL."""
ReadMarks = Literal["never", "asked", "answered"]
"""Moments of read receipts to citizens: never; when a CRM asks for one (`asked`); then, and also
just before an employee's answer (`answered`)."""


class Registration(ConfigModel):
    """The registration of a number at a provider, current or earlier.

    `portfolio` is Meta's business portfolio. A BSUID is unique within one portfolio, so the same
    telephone has another BSUID in another portfolio.
    """

    provider: ProviderId = "meta"
    phone_number_id: Annotated[str, Field(pattern=r"^([0-9]{5,32})?$")] = ""
    waba: Annotated[str, Field(pattern=r"^([0-9]{5,32})?$")] = ""
    portfolio: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,64}$")] = ""
    secrets: tuple[EnvName, ...] = ()
    """Secrets that sign webhooks; more than one while a secret is being replaced. A number at Meta
    without secrets uses the installation's."""
    secret_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,64}$")] = ""
    """Header that carries one of `secrets`, for a BSP that does not sign."""


class Previous(Registration):
    """A registration that ended; its provider's remaining webhooks are still accepted."""

    until: AwareDatetime


class LateAnswerTemplate(ConfigModel):
    """An approved template with one body parameter, for the text of an answer outside the customer
    service window: the citizen wrote over 24 hours ago."""

    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str = Field(default="nl", pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")


class ReopenTemplate(ConfigModel):
    """An approved template without parameters that asks a citizen to write again: an answer is on
    hold, and Meta does not accept it until they do."""

    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str = Field(default="nl", pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")


class Number(Registration):
    """One of our numbers. `id` is ours and lasts; for the first registration it may equal
    Meta's."""

    id: MetaId
    tenant: str
    fallback: str
    """Department that gets messages when no rule decides."""
    verify_token: EnvName | Literal[""] = ""
    access_token: EnvName | Literal[""] = ""
    graph_url: Url | Literal[""] = ""
    media_hosts: tuple[Host, ...] = ()
    per_second: int = Field(default=80, ge=1, le=1000)
    """Messages per second that Meta allows: 80, or 1,000 once Meta has raised it."""
    late_template: LateAnswerTemplate | None = None
    ask_template: ReopenTemplate | None = None
    """Template for answers that do not fit `late_template`: they are put on hold, and this asks the
    citizen to write."""
    direct_send: bool = False
    """True if a late answer that does not fit `late_template` may go by Meta's Direct Send. Meta
    makes a template of it, which nobody can delete."""
    read_marks: ReadMarks = "never"
    trial: bool = False
    """True if it begins on trial: it takes messages from everyone and sends only to its guest
    list, until `postkamer number live`."""
    previous: tuple[Previous, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _check_bsp_secrets(self) -> "Number":
        if self.provider != "meta" and not (self.secrets and self.access_token):
            raise PydanticCustomError(
                "bsp_secrets", "A number at a BSP needs secrets and an access_token of its own"
            )
        return self

    @model_validator(mode="after")
    def _check_templates_differ(self) -> "Number":
        late, ask = self.late_template, self.ask_template
        if late and ask and (late.name, late.language) == (ask.name, ask.language):
            raise PydanticCustomError(
                "ask_is_late",
                "late_template takes the words of an answer and ask_template takes none:"
                " they cannot be the same template",
            )
        return self

    @property
    def meta_id(self) -> str:
        """Current phone_number_id at Meta."""
        return self.phone_number_id or self.id

    @property
    def registrations(self) -> tuple[Registration, ...]:
        """The current registration, then the earlier ones."""
        return (self, *self.previous)

    def provider_id_of(self, registration: Registration) -> str:
        """Return Meta's phone_number_id in a registration."""
        return registration.phone_number_id or self.id

    def portfolio_of(self, phone_number_id: str, waba: str, provider: str) -> str:
        """Return the portfolio of the registration that best matches an item; else the current
        one."""

        def agreement(registration: Registration) -> tuple[bool, bool, bool]:
            return (
                self.provider_id_of(registration) == phone_number_id,
                registration.provider == provider,
                registration.waba == waba != "",
            )

        # max() returns the first of equals: the current registration.
        return max(self.registrations, key=agreement).portfolio
