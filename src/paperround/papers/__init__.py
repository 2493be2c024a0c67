"""The catalogue: papers, the lists of a day, week or month, heat and trending."""
