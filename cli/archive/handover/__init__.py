"""`postkamer archive handover`."""
