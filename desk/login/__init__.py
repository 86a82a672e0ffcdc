"""Logging in at the municipality's OpenID Connect provider, and sessions."""
