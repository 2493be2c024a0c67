"""What readers keep and bring: saved papers, and papers submitted to the day's list."""
