"""The map of the field: the last month's papers as points, near each other where they are alike."""
