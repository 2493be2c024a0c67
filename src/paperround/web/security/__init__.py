"""Guards every route: CSRF, cookies, client addresses and middleware. It knows no page."""
