"""Reading feeds into the catalogue: what is due, what came, what could not be read."""
