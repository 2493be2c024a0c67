"""arXiv: daily announcements by category, and its query API."""
