"""Our numbers: an id of our own that lasts, and how each is known in the world, now and before."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.config.providers import ProviderId
from services.toml.model import ConfigModel

MetaId = Annotated[str, Field(pattern=r"^[0-9]{5,32}$")]
EnvName = Annotated[str, Field(pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")]
"""Where a secret is: never the secret itself."""
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,253}$", to_lower=True)]
"""In lower case, as a name is in an address that was taken apart."""
ReadMarks = Literal["never", "asked", "answered"]
"""Whether citizens see that we read what they wrote: when a CRM asks for it; and also just before
a person answers."""


class Registration(ConfigModel):
    """How a number is, or was, known at a provider.

    `portfolio` is Meta's business portfolio: BSUIDs are unique within one, so the same telephone
    has another one in another.
    """

    provider: ProviderId = "meta"
    phone_number_id: Annotated[str, Field(pattern=r"^([0-9]{5,32})?$")] = ""
    waba: Annotated[str, Field(pattern=r"^([0-9]{5,32})?$")] = ""
    portfolio: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,64}$")] = ""
    secrets: tuple[EnvName, ...] = ()
    """More than one while they are being replaced. Without any, for Meta, the installation's."""
    secret_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,64}$")] = ""
    """A BSP that does not sign: the header that brings one of `secrets` instead."""


class Previous(Registration):
    """A registration that ended; what its provider still has to bring is taken all the same."""

    until: AwareDatetime


class LateAnswerTemplate(ConfigModel):
    """An approved template with one body parameter, which an answer's words go in when the citizen
    wrote over 24 hours ago."""

    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str = Field(default="nl", pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")


class ReopenTemplate(ConfigModel):
    """An approved template without parameters, which asks a citizen to write again: an answer waits
    for them, and Meta takes it no more until they do."""

    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str = Field(default="nl", pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")


class Number(Registration):
    """`id` is ours and lasts; for Meta's first registration it may simply be Meta's."""

    id: MetaId
    tenant: str
    fallback: str
    """Department when no rule decides."""
    verify_token: EnvName | Literal[""] = ""
    access_token: EnvName | Literal[""] = ""
    graph_url: Url | Literal[""] = ""
    media_hosts: tuple[Host, ...] = ()
    per_second: int = Field(default=80, ge=1, le=1000)
    """Messages that Meta lets it send: 80, or 1,000 once it has told so."""
    late_template: LateAnswerTemplate | None = None
    ask_template: ReopenTemplate | None = None
    """For what does not go in a `late_template`: it is held, and the citizen asked to write."""
    read_marks: ReadMarks = "never"
    previous: tuple[Previous, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _known_to_the_bsp(self) -> "Number":
        if self.provider != "meta" and not (self.secrets and self.access_token):
            raise PydanticCustomError(
                "bsp_secrets", "A number at a BSP needs secrets and an access_token of its own"
            )
        return self

    @model_validator(mode="after")
    def _asks_with_a_template_of_its_own(self) -> "Number":
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
        """Meta's phone_number_id of today."""
        return self.phone_number_id or self.id

    @property
    def registrations(self) -> tuple[Registration, ...]:
        """Today's first, then the earlier ones."""
        return (self, *self.previous)

    def provider_id_of(self, registration: Registration) -> str:
        """Meta's phone_number_id in a registration."""
        return registration.phone_number_id or self.id

    def portfolio_of(self, phone_number_id: str, waba: str, provider: str) -> str:
        """The portfolio that an item came from, by what came with it; else today's."""

        def agreement(registration: Registration) -> tuple[bool, bool, bool]:
            return (
                self.provider_id_of(registration) == phone_number_id,
                registration.provider == provider,
                registration.waba == waba != "",
            )

        # max() takes the first of equals: today's registration.
        return max(self.registrations, key=agreement).portfolio
