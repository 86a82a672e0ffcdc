"""`postkamer status`: the whole installation on one screen, from its services, broker and
database."""
