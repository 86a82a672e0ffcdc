"""All of Postkamer on one machine: private servers, the services, the sandbox."""
