"""Waiting, at the start of a service, until a restored database has caught up with destructions."""
