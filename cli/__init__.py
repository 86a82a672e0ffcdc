"""`postkamer`: the command line for operators, and the entry point of every service."""
