"""`postkamer backup`: are back-ups made, and would a restore from them be whole?"""
