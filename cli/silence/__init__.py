"""`postkamer silence`: numbers that have fallen silent, and the simulation of the rule."""
