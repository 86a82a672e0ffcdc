"""Verification of the tables beside the log against their entries."""
