"""The balance: everything that was decided is in the record, delivered, sent, or known to wait."""
