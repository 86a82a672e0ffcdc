"""Work of employees in ITA on our tasks: polled, and told to the router."""
