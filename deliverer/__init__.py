"""Deliverer: hands events to CRMs and messages to the Graph API."""
