"""Our own JSON API at /api/v1. Its models are the contract with clients."""
