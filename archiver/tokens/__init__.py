"""Tokens of the APIs, held against the record."""
