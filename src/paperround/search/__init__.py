"""Search: papers by words and meaning, and papers similar to a paper."""
