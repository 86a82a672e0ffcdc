"""`postkamer`: the operator's command line and the entry point of every service."""
