"""`postkamer tenant`: a municipality as a whole, which may move to another installation."""
