"""Rules of one conversation: interpretation, placement, replies, timers, consent. Pure."""
