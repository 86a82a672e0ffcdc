"""Vocabulary of the router: work units, decisions, conversations, consent and the snapshot.
Pure."""
