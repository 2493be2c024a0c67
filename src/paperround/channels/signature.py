"""The signature of webhooks, after Standard Webhooks: who has the secret can tell that a message is ours."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 (what one begins with)
SECRET_SIZE: Final = 32  # bytes


def generate_signing_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_SIZE)).decode()


def sign(secret: str, message_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """Return the headers that go with a message. The id is the same at every attempt."""
    from standardwebhooks import Webhook  # only where a webhook is sent to

    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body.decode()),
    }
