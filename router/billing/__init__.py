"""Charges by Meta and their cost. Pure."""
