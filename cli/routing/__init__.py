"""`postkamer route explain` and `postkamer rules`."""
