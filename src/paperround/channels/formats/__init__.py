"""The formats of messages, a module for each service: what it reads, escapes and has room for. Pure."""
