"""Crash points, links that break and evidence of each message, for fault tests."""
