"""`postkamer archive`: commands on the archive."""
