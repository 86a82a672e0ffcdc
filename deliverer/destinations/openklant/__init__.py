"""Open Klant as a destination: a saga that creates each object once."""
