"""A municipality as it is configured: itself, its departments, and where they are told things."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from services.calendar.quiet_hours import NightHours
from services.config.numbers import Url
from services.config.pricing import Amount
from services.config.routing_rules import Id, Mask, OpeningHours, Tag, TextId
from services.toml.model import ConfigModel

AUTOMATIC = (
    "eerste_contact", "gesloten", "keuze_onduidelijk", "noodgeval", "zelfdoding", "geweld", "bsn",
    "bestand", "aangepast", "gestopt",
)  # fmt: skip
"""Texts that go out by themselves unless a municipality says otherwise. Not: those that cost a
message and tell nothing that the citizen waits for."""

ADDRESS = r"^((https?://|urn:)[!-~]+)?$"
"""Of something in a register: a URI, or ''."""


def _with_a_name(secret: str) -> str:
    if secret == "env:":
        raise PydanticCustomError("no_name", "The name of a variable should follow env:")
    return secret


class SafetyAlert(ConfigModel):
    """Whom a care rule wakes, one after the other until somebody confirms."""

    destinations: tuple[str, ...] = Field(default=(), max_length=10)
    confirm_minutes: int = Field(default=10, ge=1, le=24 * 60)


Sentence = Annotated[str, Field(min_length=1, max_length=500)]


class Purpose(ConfigModel):
    """What data is used for, and the ground in the law."""

    text: Sentence
    ground: str = Field(default="", max_length=200)


class Privacy(ConfigModel):
    """What a municipality tells citizens who ask about their data."""

    contact: str = Field(default="", max_length=500)
    """Where they can ask more."""
    officer: str = Field(default="", max_length=200)
    """How to reach the officer for data protection."""
    purposes: tuple[Purpose, ...] = Field(default=(), max_length=20)
    retention: tuple[Sentence, ...] = Field(default=(), max_length=20)
    """How long what is kept."""


class Tenant(ConfigModel):
    id: Id
    name: str = Field(min_length=1, max_length=200)
    disclosure: str = Field(
        default="Dit antwoord is automatisch gemaakt.", min_length=1, max_length=200
    )
    """Under what a machine wrote: article 50 of the AI Act asks that the citizen is told."""
    values: dict[TextId, Annotated[str, Field(min_length=1, max_length=500)]] = Field(default={})
    """What stands for the placeholders of the texts."""
    automatic: tuple[TextId, ...] = AUTOMATIC
    """Ids of the texts that go out by themselves."""
    menu: str = ""
    """Asked when no rule decides."""
    idle_days: int = Field(default=14, ge=1, le=366)
    """Without a word from either side a conversation is closed: what comes later is a new one."""
    burst_seconds: int = Field(default=60, ge=1, le=600)
    """Silence that ends a burst: people send six photographs and then the question."""
    talk_minutes: int = Field(default=30, ge=1, le=24 * 60)
    """To an older message no text goes out by itself: it would answer what is long past."""
    wait_minutes: int = Field(default=0, ge=0, le=7 * 24 * 60)
    """In opening hours, without an answer; then it is escalated. 0: never."""
    wrote_days: int = Field(default=56, ge=1, le=366)
    """Since a citizen last wrote, in which a template to them is an answer: within eight weeks
    whoever asked something is decided upon (Awb 4:13). Later it needs consent on record."""
    night: NightHours = "21:00-08:00"
    """Hours in Amsterdam in which no template leaves for who did not write first; '' is none."""
    budget: Amount | None = None
    """For the messages of a month, in the currency of the rates."""
    window_hours: int = Field(default=5, ge=0, le=12)
    """Before a department closes, to be told of who can be answered by template alone when it is
    open again. 0: never."""
    care: SafetyAlert = SafetyAlert()
    backup_days: int = Field(default=35, ge=0, le=3660)
    """For which back-ups are kept: until then they hold what was destroyed."""
    privacy: Privacy = Privacy()
    processing_activity: str = Field(default="", max_length=500, pattern=ADDRESS)
    """URI of this in the municipality's register of processing activities, which stands in each row
    of the processing log; of this version of it. '' is a name of ours."""

    @property
    def recent_contact(self) -> timedelta:
        return timedelta(days=self.wrote_days)

    @property
    def idle_timeout(self) -> timedelta:
        return timedelta(days=self.idle_days)

    @property
    def burst_window(self) -> timedelta:
        return timedelta(seconds=self.burst_seconds)

    @property
    def max_reply_age(self) -> timedelta:
        return timedelta(minutes=self.talk_minutes)


class Department(ConfigModel):
    id: Id
    tenant: str
    name: str = Field(min_length=1, max_length=200)
    destination: str
    hours: OpeningHours = ""
    """OpenStreetMap opening hours; '' is always."""
    when_closed: str = ""
    """Department that has its conversations meanwhile."""
    confidential: bool = False
    """Its events say that something happened, and not what: whoever may, asks the archive."""
    public_name: str = Field(default="", max_length=200)
    """What citizens are told instead of its name."""
    escalate_to: str = ""
    """Department that gets what waited too long; '' leaves it where it is."""
    mask: tuple[Mask, ...] = ()
    register_id: str = Field(default="", max_length=200)
    """By what it is known where the municipality registers its departments (`objectId` of the actor
    in Open Klant); '' where that is its id here."""

    @property
    def called(self) -> str:
        """As citizens hear it."""
        return self.public_name or self.name


Mail = Annotated[str, Field(pattern=r"^[^\s@<>,]{1,64}@[A-Za-z0-9.-]{1,190}$")]


Given = Annotated[str, AfterValidator(_with_a_name)]
"""Itself, or `env:NAME`."""


class OAuth(ConfigModel):
    """Where a destination's tokens come from: client credentials (RFC 6749, 4.4)."""

    token_url: Url
    client_id: str = Field(min_length=1, max_length=500)
    client_secret: str = Field(default="", pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*)?$")
    """Where it is: never the secret itself."""
    client_auth: Literal["basic", "post", "tls"] = "basic"
    """How the client proves who it is: its secret in a header or in the form, or with the client
    certificate alone (RFC 8705)."""
    scope: str = Field(default="", max_length=1000, pattern=r"^[!#-\[\]-~ ]*$")
    audience: str = Field(default="", max_length=500)

    @model_validator(mode="after")
    def _proves_who_it_is(self) -> "OAuth":
        if (self.client_auth == "tls") == bool(self.client_secret):
            raise PydanticCustomError(
                "client_secret", "Either a client_secret, or client_auth = 'tls' without one"
            )
        return self


class Destination(ConfigModel):
    """Where events go: the settings of every kind. `kind` names the class with the others."""

    id: Id
    kind: str
    url: str
    secret: Given = ""
    window: int = Field(default=64, ge=1, le=512)
    """Deliveries in flight, at most."""
    per_second: int | None = Field(default=None, ge=1, le=10_000)
    """Deliveries a second, at most, where it must not be asked more often."""
    confidential: bool = False
    """Its events say that something happened and nothing more: it asks the archive for it."""


class HttpDestination(Destination):
    url: Url
    client_certificate: Given = ""
    """Path of a PEM file with the certificate that we show, and those that lead to its root; as
    all three, from the folder of the first file, or a whole path, or `env:NAME` that holds one."""
    client_key: Given = ""
    """Path of its key, unless it is in the same file."""
    certificate_authorities: Given = ""
    """Path of the authorities that may sign its own certificate, instead of the system's."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses that we speak to on its behalf."""
        return (self.url,)

    @model_validator(mode="after")
    def _certificates_are_used(self) -> Self:
        if self.client_key and not self.client_certificate:
            raise PydanticCustomError("client_key", "A client_key goes with a client_certificate")
        files = self.client_certificate or self.certificate_authorities
        if files and not any(url.startswith("https") for url in self.addresses):
            raise PydanticCustomError("certificates", "Certificates are for an address by https")
        return self


class CloudEventsDestination(HttpDestination):
    """A CRM. `secret` is a Standard Webhooks secret (`whsec_` and base64, or plain text)."""

    kind: Literal["cloudevents"]
    secret_next: Given = ""
    """Another one, while they are being replaced: events are signed with both."""
    oauth: OAuth | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.url, self.oauth.token_url) if self.oauth else (self.url,)

    @model_validator(mode="after")
    def _proves_who_it_is(self) -> Self:
        if self.oauth and self.oauth.client_auth == "tls" and not self.client_certificate:
            raise PydanticCustomError("tls", "client_auth = 'tls' needs a client_certificate")
        return self


class OpenKlantDestination(HttpDestination):
    """An Open Klant. `secret` is its token."""

    kind: Literal["openklant"]
    channel: str = Field(default="WhatsApp", min_length=1, max_length=50)
    """`kanaal`, as the municipality's list of channels spells it."""
    burst_minutes: int = Field(default=15, ge=0, le=24 * 60)
    """A message within so many minutes of the one before belongs to the same contact."""
    look_seconds: int = Field(default=60, ge=5, le=3600)
    """Between two looks at which tasks somebody has done there."""
    link: str = Field(default="", max_length=500, pattern=r"^(https?://[^\s]+)?$")
    """Address where an employee sees a conversation, with '{conversation}' for its id."""


class MailDestination(Destination):
    """People whom alarms alone are sent to. `secret` is `name:password`, where their mail server
    asks for them."""

    kind: Literal["mail"]
    url: Annotated[str, Field(pattern=r"^smtps?://[^\s]+$")]
    to: tuple[Mail, ...] = Field(min_length=1, max_length=20)
    sender: Mail


AnyDestination = Annotated[
    CloudEventsDestination | OpenKlantDestination | MailDestination, Field(discriminator="kind")
]


class TaggedContacts(ConfigModel):
    """People whom rules know: the council, the press. Telephone numbers, in E.164."""

    tenant: str
    tag: Tag
    phones: tuple[Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")], ...] = Field(
        min_length=1, max_length=1000
    )
