"""`postkamer route replay`: apply changed rules to earlier messages."""
