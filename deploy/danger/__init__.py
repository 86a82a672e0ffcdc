"""Training of the scorer of weak signs: its table, the training, its figures."""
