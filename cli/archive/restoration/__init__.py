"""`postkamer archive replay` and `accept`: what a restored database lacks, and what it lost."""
