"""Decides where each message goes and why; the only writer of conversations."""
