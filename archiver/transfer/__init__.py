"""Transfer to an archival depot: conversations as MDTO 1.0.1 in a submission package (SIP)."""
