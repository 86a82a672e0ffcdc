"""`postkamer costs`."""
