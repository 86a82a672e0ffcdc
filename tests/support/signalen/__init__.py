"""Signalen's stand-in, an archive beside it, and a conversation about a street."""
