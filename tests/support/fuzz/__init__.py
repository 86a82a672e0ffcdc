"""Hostile requests, and the account of which ones were accepted."""
