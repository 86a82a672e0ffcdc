"""Vocabulary of the router: decisions, conversation, snapshot. Pure."""
