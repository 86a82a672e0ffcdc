"""`postkamer costs`: the costs of the messages of a month."""
