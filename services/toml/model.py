"""Base of every table in a TOML file that people write."""

from pydantic import BaseModel, ConfigDict


class ConfigModel(BaseModel):
    """An entry of `postkamer.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
