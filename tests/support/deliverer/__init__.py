"""Deliveries and a destination's surroundings, for tests of the deliverer."""
