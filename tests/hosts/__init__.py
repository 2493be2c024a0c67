"""Many hosts: network namespaces, PostgreSQL over TCP, and what a host that is cut off holds."""
