"""Identification of the person behind an item. Pure."""
