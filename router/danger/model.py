"""Weights of the trained scorer, as `make danger-model` wrote them. Pure."""

from functools import cache

import msgspec

from services.config.routing_rules import CareClass
from services.package_data import read_data

KINDS: tuple[CareClass, ...] = ("emergency", "suicide", "violence", "threat")
"""Kinds of danger, in the order of each sign's weights."""
CALM = "calm"
"""Name of what is no danger, beside the kinds."""
UNIT = 20
"""Weights are whole numbers: twentieths of a logit, which is finer than what training tells."""

Weights = tuple[int, int, int, int]
"""Weight of a sign for each kind of danger, against calm."""


class Found(msgspec.Struct, frozen=True):
    """Share of a table that a threshold finds, in cross-validation."""

    rows: int
    found: int


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A trained scorer, with its figures."""

    version: str = ""
    """Hash of the threshold and the weights."""
    table: str = ""
    """SHA-256 of the table that it was trained on."""
    meanings: str = ""
    """SHA-256 of `meanings.toml` in that training."""
    right: int = 0
    """Rows of the table that it judges rightly."""
    validated: dict[str, Found] = {}
    """Kind of danger, or calm -> rows of the table, and those that reach the threshold if they are
    held out of training."""
    at_least: float
    """Default threshold."""
    bias: Weights
    weights: dict[str, Weights]


@cache
def load_model() -> Model:
    """Return the model of this version of Postkamer, read once: about 3 MB."""
    return msgspec.json.decode(read_data("router.danger", "weights.json"), type=Model)
