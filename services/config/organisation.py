"""The configuration of a municipality, its departments and its destinations."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from services.calendar.quiet_hours import NightHours
from services.config.handover import Handover
from services.config.numbers import OptionalUrl, Url, WithoutUserInfo
from services.config.pricing import Amount
from services.config.publication import Algorithm, OpenData
from services.config.routing_rules import Id, Mask, OpeningHours, Tag, TextId
from services.retention.selection_list import RESULTS
from services.toml.model import ConfigModel

AUTOMATIC = (
    "eerste_contact", "gesloten", "keuze_onduidelijk", "noodgeval", "zelfdoding", "geweld", "bsn",
    "bestand", "aangepast", "gestopt",
)  # fmt: skip
"""Texts that are sent automatically unless a municipality configures otherwise. It leaves out the
texts that cost a message and tell the citizen nothing that they wait for."""

TOOI = r"^((gm|pv|ws)[0-9]{4})?$"
"""Code of a municipality, a province or a water board in TOOI, or ''."""

ADDRESS = r"^((https?://|urn:)[!-~]+)?$"
"""URI of an entry in a register, or ''."""


def _require_name(secret: str) -> str:
    if secret == "env:":
        raise PydanticCustomError("no_name", "The name of a variable should follow env:")
    return secret


class SafetyAlert(ConfigModel):
    """Destinations that a safety rule alerts, one after the other until a person confirms; and the
    use of the scorer that looks for danger where no safety rule matches."""

    destinations: tuple[str, ...] = Field(default=(), max_length=10)
    confirm_minutes: int = Field(default=10, ge=1, le=24 * 60)
    weak_signs: Literal["off", "mark", "decide"] = "mark"
    """Use of weak signs of danger. `mark`: a label, a reason and a high priority, and nothing that
    a citizen notices. `decide`: the same as a match of `weak_signs_rule`."""
    weak_signs_at_least: float | None = Field(default=None, ge=0.5, lt=1)
    """Score from which weak signs count; None for that of the scorer's own figures."""
    weak_signs_rule: str = ""
    """Safety rule that weak signs stand for when they decide: its kind, department and text."""

    @model_validator(mode="after")
    def _check_weak_signs_rule(self) -> Self:
        if self.weak_signs == "decide" and not self.weak_signs_rule:
            raise PydanticCustomError(
                "weak_signs_rule", "weak_signs = 'decide' needs a weak_signs_rule"
            )
        return self


MAX_WAITING_DAYS = 90
"""The database takes no longer waiting time: a list that waits for months is out of date."""
Sentence = Annotated[str, Field(min_length=1, max_length=500)]


class Purpose(ConfigModel):
    """Purpose of processing, with its legal ground."""

    text: Sentence
    ground: str = Field(default="", max_length=200)


class Privacy(ConfigModel):
    """Information for citizens who ask about their data."""

    contact: str = Field(default="", max_length=500)
    """Contact for further questions."""
    officer: str = Field(default="", max_length=200)
    """Contact of the data protection officer."""
    purposes: tuple[Purpose, ...] = Field(default=(), max_length=20)
    retention: tuple[Sentence, ...] = Field(default=(), max_length=20)
    """Retention period per data category."""


def _require_result(code: str) -> str:
    if code and code not in RESULTS:
        raise PydanticCustomError(
            "no_result", "{code} is no result of the selection list 2020", {"code": repr(code)}
        )
    return code


RetentionCode = Annotated[str, AfterValidator(_require_result)]
"""Result of the selection list 2020, such as "6.1.3"; '' is none."""


class Retention(ConfigModel):
    """Retention of conversations, by the selection list 2020."""

    code: RetentionCode = ""
    """Result for conversations of departments without a `retention_code`."""
    waiting_days: int = Field(default=7, ge=1, le=MAX_WAITING_DAYS)
    """Days between the approval of a destruction list and the first destruction, in which it can be
    withdrawn."""
    request_waiting_days: int = Field(default=1, ge=0, le=MAX_WAITING_DAYS)
    """The same for an erasure that was granted to a citizen."""
    joined_roles: bool = False
    """True if who draws a list may also review it. Nobody who did either approves it."""
    transfer_years: int = Field(default=20, ge=1, le=100)
    """Years after its closing in which a permanent conversation must go to the archival depot
    (Archiefwet 1995, article 12)."""


class Tenant(ConfigModel):
    id: Id
    name: str = Field(min_length=1, max_length=200)
    tooi: str = Field(default="", pattern=TOOI)
    """Code in TOOI, the register of government organisations, such as gm0141: it names who made the
    records in a transfer."""
    disclosure: str = Field(
        default="Dit antwoord is automatisch gemaakt.", min_length=1, max_length=200
    )
    """Line under automatic messages: article 50 of the AI Act requires that citizens are told."""
    values: dict[TextId, Annotated[str, Field(min_length=1, max_length=500)]] = Field(default={})
    """Values of the placeholders in the texts."""
    automatic: tuple[TextId, ...] = AUTOMATIC
    """Ids of the texts that are sent automatically."""
    menu: str = ""
    """Menu to send when no rule decides."""
    idle_days: int = Field(default=14, ge=1, le=366)
    """Days without a message from either side after which a conversation is closed; a later message
    starts a new one."""
    burst_seconds: int = Field(default=60, ge=1, le=600)
    """Silence that ends a burst: citizens send six photographs and then the question."""
    talk_minutes: int = Field(default=30, ge=1, le=24 * 60)
    """Largest age of a message that gets an automatic text; an older one would be answered too
    late.
    """
    wait_minutes: int = Field(default=0, ge=0, le=7 * 24 * 60)
    """Minutes of opening hours without an answer after which a conversation is escalated; 0: never.
    """
    wrote_days: int = Field(default=56, ge=1, le=366)
    """Days after a citizen's last message in which a template to them counts as an answer: the law
    gives eight weeks to decide on a request (Awb 4:13). Later templates need consent on record."""
    night: NightHours = "21:00-08:00"
    """Quiet hours in Amsterdam, in which no business-initiated template is sent; '' is none."""
    budget: Amount | None = None
    """Budget for the messages of a month, in the currency of the rates."""
    window_hours: int = Field(default=5, ge=0, le=12)
    """Hours before closing time at which a department is warned of conversations that can only be
    answered by template once it opens again. 0: never."""
    care: SafetyAlert = SafetyAlert()
    backup_days: int = Field(default=35, ge=0, le=3660)
    """Retention of back-ups, in days: until then they hold data that has been destroyed."""
    privacy: Privacy = Privacy()
    retention: Retention = Retention()
    open_data: OpenData = OpenData()
    algorithm: Algorithm = Algorithm()
    handover: tuple[Handover, ...] = Field(default=(), max_length=20)
    """Targets to which transcripts go by themselves when a conversation is closed."""
    processing_activity: str = Field(default="", max_length=500, pattern=ADDRESS)
    """URI of this processing activity, in this version, in the municipality's register. Each row of
    the processing log has it; '' uses a default name."""

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


MAX_REPLACED = 100
"""Most departments that one is there instead of: a municipality has fewer than 100."""
MAX_TAKEN = 1000
"""Most rules that one department takes: the example has some 400 that lead to any."""


class Department(ConfigModel):
    id: Id
    tenant: str
    name: str = Field(min_length=1, max_length=200)
    destination: str
    hours: OpeningHours = ""
    """Opening hours in the notation of OpenStreetMap; '' is always open."""
    instead_of: tuple[Id, ...] = Field(default=(), max_length=MAX_REPLACED)
    """Departments of the rules that it is there instead of: what rules, menus, closings and tables
    of messages say of these, holds for it."""
    takes_rules: tuple[Id, ...] = Field(default=(), max_length=MAX_TAKEN)
    """Ids of rules that lead to it, whichever department they name."""
    when_closed: str = ""
    """Deputy department, which gets the conversations while this one is closed."""
    confidential: bool = False
    """True if events say only that something happened; authorised callers ask the archive for the
    content."""
    ask_reason: bool = False
    """True if the archive shows its content only for a reason, which goes on the record."""
    public_name: str = Field(default="", max_length=200)
    """Name for citizens, instead of `name`."""
    escalate_to: str = ""
    """Department that gets conversations that waited too long; '' leaves them in place."""
    mask: tuple[Mask, ...] = ()
    register_id: str = Field(default="", max_length=200)
    """Id of the department in the municipality's own register (`objectId` of the actor in Open
    Klant); '' if it is the same as `id`."""
    register_name: str = Field(default="", max_length=200)
    """Name in that register, to the letter; ITA shows a department the tasks of its own name. '' if
    it is the same as `name`."""
    register_kind: Literal["afdeling", "groep"] = "afdeling"
    """Kind of unit in that register."""
    retention_code: RetentionCode = ""
    """Result of the selection list for its conversations; '' is that of the municipality."""

    @model_validator(mode="after")
    def _check_ask_reason(self) -> Self:
        if self.ask_reason and not self.confidential:
            raise PydanticCustomError(
                "ask_reason", "ask_reason goes with confidential: else events have the content"
            )
        return self

    @property
    def called(self) -> str:
        """Name to use in messages to citizens."""
        return self.public_name or self.name


Mail = Annotated[str, Field(pattern=r"^[^\s@<>,]{1,64}@[A-Za-z0-9.-]{1,190}$")]


Given = Annotated[str, AfterValidator(_require_name)]
"""A value, or `env:NAME` for the variable that holds it."""


class OAuth(ConfigModel):
    """Source of a destination's tokens, by client credentials (RFC 6749, section 4.4)."""

    token_url: Url
    client_id: str = Field(min_length=1, max_length=500)
    client_secret: str = Field(default="", pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*)?$")
    """Name of the variable with the secret, never the secret itself."""
    client_auth: Literal["basic", "post", "tls"] = "basic"
    """Authentication of the client: its secret in a header or in the form, or only its certificate
    (RFC 8705)."""
    scope: str = Field(default="", max_length=1000, pattern=r"^[!#-\[\]-~ ]*$")
    audience: str = Field(default="", max_length=500)

    @model_validator(mode="after")
    def _check_client_secret(self) -> "OAuth":
        if (self.client_auth == "tls") == bool(self.client_secret):
            raise PydanticCustomError(
                "client_secret", "Either a client_secret, or client_auth = 'tls' without one"
            )
        return self


class Destination(ConfigModel):
    """A destination of events, with the settings of every kind. `kind` selects the class with the
    other settings."""

    alarms_only: ClassVar[bool] = False
    """True if people receive alarms there, and no department its events."""
    takes_notices: ClassVar[bool] = True
    """True if it may be the owner of another destination."""

    id: Id
    kind: str
    url: str
    secret: Given = ""
    window: int = Field(default=64, ge=1, le=512)
    """Largest number of deliveries in flight."""
    per_second: int | None = Field(default=None, ge=1, le=10_000)
    """Largest number of deliveries per second, for a destination that limits it."""
    confidential: bool = False
    """True if events say only that something happened; the destination asks the archive for the
    content."""
    owners: tuple[str, ...] = Field(default=(), max_length=5)
    """Ids of the destinations that hear when this one fails, refuses or is paused."""
    resend_per_second: int = Field(default=20, ge=1, le=200)
    """Rate at which its owner has events sent again, between new ones."""

    @property
    def kept_days(self) -> int:
        """Days for which an event that it accepted is kept, to be sent again."""
        return 0


class HttpDestination(Destination):
    url: Url
    client_certificate: Given = ""
    """Path of a PEM file with our client certificate and its chain. Each of these three paths is
    relative to the folder of the first file, or absolute, or `env:NAME` for a variable with one."""
    client_key: Given = ""
    """Path of the key of the certificate, unless it is in the same file."""
    certificate_authorities: Given = ""
    """Path of the authorities that may sign the server's certificate, instead of the system's."""
    keep_alive_seconds: float = Field(default=1.5, ge=0, le=60)
    """Longest time that a connection is idle and still reused; 0: each request has its own. A
    server that closes first breaks the next request. Node, uvicorn and Apache close after 5 s,
    gunicorn after 2."""

    @property
    def addresses(self) -> dict[str, str]:
        """Setting -> address that is called for this destination."""
        return {"url": self.url}

    @model_validator(mode="after")
    def _check_certificates(self) -> Self:
        if self.client_key and not self.client_certificate:
            raise PydanticCustomError("client_key", "A client_key goes with a client_certificate")
        files = self.client_certificate or self.certificate_authorities
        if files and not any(url.startswith("https") for url in self.addresses.values()):
            raise PydanticCustomError("certificates", "Certificates are for an address by https")
        return self


class CloudEventsDestination(HttpDestination):
    """A CRM. `secret` is a Standard Webhooks secret (`whsec_` and base64, or plain text)."""

    kind: Literal["cloudevents"]
    secret_next: Given = ""
    """Next secret, while the secret is being replaced: events are signed with both."""
    oauth: OAuth | None = None
    batch_events: int = Field(default=1, ge=1, le=100)
    """Maximum events in one request; with 1 each event has its own, in another content type."""
    resend_days: int = Field(default=7, ge=0, le=30)
    """Days for which an accepted event is kept, sealed, so that it can be sent again: time to find
    out, after a holiday, that events were lost there. 0 keeps none."""

    @property
    def kept_days(self) -> int:
        return self.resend_days

    @property
    def addresses(self) -> dict[str, str]:
        return super().addresses | ({"token_url": self.oauth.token_url} if self.oauth else {})

    @model_validator(mode="after")
    def _check_client_certificate(self) -> Self:
        if self.oauth and self.oauth.client_auth == "tls" and not self.client_certificate:
            raise PydanticCustomError("tls", "client_auth = 'tls' needs a client_certificate")
        return self


class OpenKlantDestination(HttpDestination):
    """An Open Klant. `secret` is its token."""

    takes_notices: ClassVar[bool] = False

    kind: Literal["openklant"]
    channel: str = Field(default="WhatsApp", min_length=1, max_length=50)
    """Value of `kanaal`, as spelled in the municipality's list of channels."""
    burst_minutes: int = Field(default=15, ge=0, le=24 * 60)
    """Longest gap, in minutes, between two messages of the same contact."""
    look_seconds: int = Field(default=60, ge=5, le=3600)
    """Interval of polling for tasks that were completed in Open Klant."""
    link: OptionalUrl = ""
    """URL of a conversation for employees, with '{conversation}' for its id."""
    answer_channel: str = Field(default="", max_length=50)
    """Value of `kanaal` with which an employee registers an answer that goes to the citizen's
    phone; '' sends none."""
    cases_url: OptionalUrl = ""
    """Root of the Zaken API that employees' front end reads. Contacts are linked to its zaken
    alone; '' links to none."""
    objects_url: OptionalUrl = ""
    """Root of the Objecten API with the departments and ITA's logbooks; '' if it may not be
    read."""
    objects_secret: str = Field(default="", pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*)?$")
    """Name of the variable with its token."""

    @property
    def addresses(self) -> dict[str, str]:
        return super().addresses | ({"objects_url": self.objects_url} if self.objects_url else {})

    @model_validator(mode="after")
    def _check_answer_channel(self) -> Self:
        if self.answer_channel.casefold() == self.channel.casefold():
            raise PydanticCustomError(
                "answer_channel",
                "answer_channel must differ from channel, or each contact looks like an answer",
            )
        return self

    @model_validator(mode="after")
    def _check_objects(self) -> Self:
        if bool(self.objects_url) != bool(self.objects_secret):
            raise PydanticCustomError("objects", "An objects_url goes with an objects_secret")
        return self


class DefaultPlace(ConfigModel):
    """Place of a report whose citizen gave none, in degrees (WGS 84)."""

    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)


class SignalenDestination(HttpDestination):
    """A Signalen: reports about public space. Its tokens come from `oauth`; it has no `secret`."""

    takes_notices: ClassVar[bool] = False

    kind: Literal["signalen"]
    window: int = Field(default=4, ge=1, le=16)
    """Fewer than elsewhere: each may have a file in hand."""
    oauth: OAuth
    archive_secret: str = Field(pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the variable with a token of our own API, by which a report's messages and files are
    read in the archive."""
    category: str = Field(default="overig/overig", pattern=r"^[a-z0-9-]{1,50}/[a-z0-9-]{1,50}$")
    """Slugs of main category and subcategory that a new report gets."""
    source: str = Field(default="WhatsApp", min_length=1, max_length=128)
    """Value of `source`, one of the list in Signalen that is active and not public."""
    default_place: DefaultPlace
    reporter: Literal["none", "phone"] = "none"
    """Contact details of the citizen that a report has."""
    burst_minutes: int = Field(default=60, ge=0, le=24 * 60)
    """Longest gap, in minutes, between two messages of the same report."""
    link: OptionalUrl = ""
    """URL of a conversation for employees, with '{conversation}' for its id."""

    @property
    def addresses(self) -> dict[str, str]:
        return super().addresses | {"token_url": self.oauth.token_url}

    @model_validator(mode="after")
    def _check_unused(self) -> Self:
        if self.secret:
            raise PydanticCustomError("secret", "A Signalen takes tokens of oauth, and no secret")
        if self.confidential:
            raise PydanticCustomError(
                "confidential", "A report needs its text, so a Signalen cannot be confidential"
            )
        if self.oauth.client_auth == "tls" and not self.client_certificate:
            raise PydanticCustomError("tls", "client_auth = 'tls' needs a client_certificate")
        return self


class MailDestination(Destination):
    """People who get alarms only, by mail. `secret` is `name:password`, if their mail server
    requires it."""

    alarms_only: ClassVar[bool] = True

    kind: Literal["mail"]
    url: Annotated[str, Field(pattern=r"^smtps?://[^\s]+$"), WithoutUserInfo]
    to: tuple[Mail, ...] = Field(min_length=1, max_length=20)
    sender: Mail


AnyDestination = Annotated[
    CloudEventsDestination | OpenKlantDestination | SignalenDestination | MailDestination,
    Field(discriminator="kind"),
]


def kinds_where(destinations: Any, holds: Callable[[type[Destination]], bool]) -> frozenset[str]:
    """Return the kinds of a union of destinations for whose class this holds."""
    union, _ = get_args(destinations)
    kinds = [(each.model_fields["kind"].annotation, each) for each in get_args(union)]
    return frozenset(get_args(kind)[0] for kind, each in kinds if holds(each))


ALARM_KINDS = kinds_where(AnyDestination, lambda kind: kind.alarms_only)
OWNER_KINDS = kinds_where(AnyDestination, lambda kind: kind.takes_notices)


class TaggedContacts(ConfigModel):
    """People whom rules recognise, such as the council and the press, by telephone number
    (E.164)."""

    tenant: str
    tag: Tag
    phones: tuple[Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")], ...] = Field(
        min_length=1, max_length=1000
    )
