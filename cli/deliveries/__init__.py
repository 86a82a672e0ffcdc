"""`postkamer parked` and `postkamer destination`."""
