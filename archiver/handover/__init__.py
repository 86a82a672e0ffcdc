"""Handing over transcripts by themselves when a conversation is closed."""
