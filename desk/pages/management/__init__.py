"""Routes of the pages for managers: rights, destinations, figures."""
