"""ITA, where departments work on the internetaken of an Open Klant: calls, rules, page."""
