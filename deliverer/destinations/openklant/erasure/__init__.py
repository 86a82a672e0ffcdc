"""Contacts of destroyed conversations in Open Klant: deleted there, or named if they must stay."""
