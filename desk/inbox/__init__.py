"""Conversations that wait for an answer, as the events tell of them, and the lists of them."""
