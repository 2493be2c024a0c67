"""Our own JSON, /api/v1. Its models are the contract with clients."""
