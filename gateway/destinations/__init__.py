"""Recovery by the owner of a destination: its deliveries, sending again, its secrets."""
