"""`postkamer tenant`: a municipality that leaves this installation, or comes to it."""
