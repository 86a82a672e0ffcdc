"""`postkamer route replay`."""
