"""What comes from outside is text: LaTeX, markup, links and email addresses made safe."""
