"""Outgoing HTTP and SMTP, with OAuth, client certificates and pacing."""
