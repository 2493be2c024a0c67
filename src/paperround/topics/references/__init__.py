"""Reference managers' files: readers of their formats. They know no database and no reader."""
