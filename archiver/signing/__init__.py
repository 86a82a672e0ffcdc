"""Signing the checkpoints of the log: with a key in this process, or in another one."""
