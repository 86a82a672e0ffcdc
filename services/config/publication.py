"""Settings about publication: open data, and the entry in the algorithm register."""

from typing import Annotated, Literal

from pydantic import Field

from services.config.numbers import Url, WithoutUserInfo
from services.toml.model import ConfigModel

SecureUrl = Annotated[str, Field(max_length=500, pattern=r"^(https://[^\s]+)?$"), WithoutUserInfo]
"""Address of a public page; '' for none. The algorithm register takes no other scheme."""
PublicContact = Annotated[
    str,
    Field(max_length=500, pattern=r"^([^\s@<>,]{1,64}@[A-Za-z0-9.-]{1,190}|https://[^\s]+)?$"),
]
"""Mail address of a desk, or a page; '' for none."""
LONGEST_TEXT = 2500
"""Characters that the algorithm register takes of a text."""


class OpenData(ConfigModel):
    """Publication of counts on the open-data portal."""

    smallest_count: int = Field(default=5, ge=5, le=1000)
    """Smallest count that is published. It can only be raised."""
    organisation: SecureUrl = ""
    """URI of the municipality, from the government's list of organisations (TOOI)."""
    contact: PublicContact = ""
    address: SecureUrl = ""
    """Address of the folder in which the files will be found; each month has one of its own."""
    license: Url = "http://creativecommons.org/publicdomain/zero/1.0/deed.nl"
    """Licence of the data, by its address in the list of DCAT-AP-NL."""


class NamedLink(ConfigModel):
    title: str = Field(min_length=1, max_length=100)
    link: SecureUrl = ""


Category = Literal["", "Hoog-risico AI-systeem", "Impactvolle algoritmes", "Overige algoritmes"]


class Algorithm(ConfigModel):
    """Entry of the routing in the algorithm register."""

    contact: PublicContact = ""
    since: str = Field(default="", pattern=r"^(20[0-9]{2}-(0[1-9]|1[0-2]))?$")
    """Month in which the routing began for real, as "2026-11"."""
    category: Category = ""
    """Category of publication, in the register's own words."""
    assessments: tuple[NamedLink, ...] = Field(default=(), max_length=10)
    """Impact assessments that were made, each with the address of its report."""
    no_assessment: str = Field(default="", max_length=LONGEST_TEXT)
    """Reason why an assessment was not made."""
    legal_ground: str = Field(default="", max_length=LONGEST_TEXT)
    laws: tuple[NamedLink, ...] = Field(default=(), max_length=10)
    considerations: str = Field(default="", max_length=LONGEST_TEXT)
    """The municipality's own words on the good and the bad of it, and on other ways."""
    page: SecureUrl = ""
    """Page for the public on the municipality's site."""
