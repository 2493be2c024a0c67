"""The command line: each command reads the settings and calls one domain function."""
