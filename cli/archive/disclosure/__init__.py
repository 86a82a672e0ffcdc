"""`postkamer archive disclosure`: drawing, redacting, deciding and handing over."""
