"""`postkamer trace`: the way of one message, event or command through the mailroom."""
