"""The topic model: pure numpy, no database, no settings, no clock."""
