"""Settings about handing over transcripts by themselves when a conversation is closed."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from services.config.numbers import OptionalUrl
from services.config.routing_rules import Id
from services.toml.model import ConfigModel

Confidentiality = Literal[
    "",
    "openbaar",
    "beperkt_openbaar",
    "intern",
    "zaakvertrouwelijk",
    "vertrouwelijk",
    "confidentieel",
    "geheim",
    "zeer_geheim",
]
"""Values of `vertrouwelijkheidaanduiding`, in the words of the Documenten API; '' is none."""
STORE = ("store",)
DOCUMENTS = (
    "url", "client_id", "client_secret", "informatieobjecttype", "bronorganisatie",
    "vertrouwelijkheidaanduiding",
)  # fmt: skip
"""Settings that a target of each kind needs."""
OF_KIND = {"objects": STORE, "documenten-api": DOCUMENTS}
OPTIONAL_OF_KIND = {"objects": (), "documenten-api": ("zaken_url", "user")}
WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)
"""Weights of the digits of an RSIN, whose sum is a multiple of eleven."""


def _require_rsin(number: str) -> str:
    """Refuse a number that is no RSIN: a provider refuses it too, after days."""
    if number and sum(w * int(d) for w, d in zip(WEIGHTS, number, strict=True)) % 11:
        raise PydanticCustomError("no_rsin", "{number} is no RSIN", {"number": repr(number)})
    return number


def _require_root(url: str) -> str:
    if "?" in url or "#" in url:
        raise PydanticCustomError("no_root", "An address of an API has no ? and no #")
    return url.rstrip("/")


Rsin = Annotated[str, Field(pattern=r"^([0-9]{9})?$"), AfterValidator(_require_rsin)]
ApiRoot = Annotated[OptionalUrl, AfterValidator(_require_root)]


class Handover(ConfigModel):
    """One target to which the transcripts of some departments go when conversations are closed."""

    id: Id
    """Name of the target on the record, beside those of destinations."""
    to: Literal["objects", "documenten-api"]
    departments: tuple[str, ...] = Field(default=(), max_length=500)
    """Departments whose closings count; without any, all that are not confidential."""
    format: Literal["pdf", "html"] = "pdf"
    after_minutes: int = Field(default=10, ge=0, le=24 * 60)
    """Minutes between the closing and the transcript, so that late statuses are in it."""
    store: str = Field(
        default="", max_length=500, pattern=r"^(file:///[^?#\s]+|s3://[a-z0-9.-]+(/[^?#\s]*)?)?$"
    )
    """Folder or bucket, with a prefix: not that of the archive, which holds sealed files alone."""
    url: ApiRoot = ""
    """Root of a Documenten API, such as `https://zgw.example/documenten/api/v1`."""
    zaken_url: ApiRoot = ""
    """Root of the Zaken API beside it, where a document is put with its zaak; '' puts it with
    none."""
    client_id: str = Field(default="", max_length=50, pattern=r"^[!-~]*$")
    client_secret: str = Field(default="", pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*)?$")
    """Name of the variable with the secret that signs our tokens, never the secret itself."""
    informatieobjecttype: str = Field(default="", max_length=200, pattern=r"^(https?://[^\s]+)?$")
    """Address of the type of the document in the municipality's Catalogi API."""
    bronorganisatie: Rsin = ""
    """RSIN of the municipality."""
    vertrouwelijkheidaanduiding: Confidentiality = ""
    user: str = Field(default="postkamer", min_length=1, max_length=40)
    """User that the provider's audit trail names."""

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Refuse a target without what its kind needs, or with what the other kind needs."""
        missing = [name for name in OF_KIND[self.to] if not getattr(self, name)]
        if missing:
            raise PydanticCustomError(
                "handover",
                "to = {to} needs {names}",
                {"to": repr(self.to), "names": ", ".join(missing)},
            )
        own = {*OF_KIND[self.to], *OPTIONAL_OF_KIND[self.to]}
        others = {name for kind in OF_KIND for name in (*OF_KIND[kind], *OPTIONAL_OF_KIND[kind])}
        if foreign := sorted((others - own) & self.model_fields_set):
            raise PydanticCustomError(
                "handover",
                "{names} is not for to = {to}",
                {"to": repr(self.to), "names": ", ".join(foreign)},
            )
        return self
