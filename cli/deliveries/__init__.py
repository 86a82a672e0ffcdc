"""`postkamer parked` and `postkamer destination`: parked deliveries, and destinations."""
