"""Hands over: events to CRMs, messages to the Graph API."""
