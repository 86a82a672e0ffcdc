"""The least work possible for the same input, as the ceiling of a measurement."""
