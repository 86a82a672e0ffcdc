"""Supply chain: locked packages, their bill of materials, provenance, known vulnerabilities."""
