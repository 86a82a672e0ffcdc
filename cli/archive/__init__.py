"""`postkamer archive ...`."""
