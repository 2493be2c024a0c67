"""What guards every route: CSRF, cookies, client addresses, middleware. It knows no page."""
