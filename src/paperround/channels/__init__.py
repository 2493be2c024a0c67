"""Sends digests to webhooks and chats, each in its own format. Knows no reader and no subscription."""
