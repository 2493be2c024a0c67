"""The website: HTML pages, our own JSON API, and one that is compatible with the hub. Routes are thin."""
