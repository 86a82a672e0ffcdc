"""`postkamer all`: the services of one machine under one supervisor."""
