"""The refusal of what is for a municipality that is stopped here. Pure."""

from services.refusal import Refusal

MOVES = Refusal(
    "municipality_moves", "this municipality moves to another installation: try again later"
)
"""Nothing was done; the same request succeeds after the move."""
