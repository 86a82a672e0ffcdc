"""`postkamer route explain` and `postkamer rules`: explain decisions; list and restore versions."""
