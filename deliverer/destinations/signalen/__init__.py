"""Signalen as a destination: a report about public space for each burst of messages."""
