"""Files of messages: fetched before they end elsewhere, scanned, stored or quarantined."""
