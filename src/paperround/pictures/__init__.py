"""Pictures of papers: small ones that the server fetched and made itself, and cards for links in chats."""
