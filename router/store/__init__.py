"""Conversations, inbox and timers in PostgreSQL."""
