"""Open Klant as a destination: events as contacts, parties, addresses and tasks of a register."""
