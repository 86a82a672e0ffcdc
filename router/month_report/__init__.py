"""The report of a month that leaves the house: what it says, as PDF/A and for a spreadsheet."""
