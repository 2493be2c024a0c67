"""The sentences beside the buttons that people consent with: pages show them, subscriptions keep them."""

from __future__ import annotations

from typing import Final

CONFIRMATION_WORDING: Final = (
    "With this button papers come by mail. Each mail has a link that changes or ends that."
)
SUBSCRIPTION_WORDING: Final = (
    "What is trending, and what fits a topic of yours: every morning at seven, unless you choose otherwise."
)
CHANNEL_WORDING: Final = (
    "With the code that arrived there, papers go to this channel. Pause or remove it here at any time."
)
OPERATOR_WORDING: Final = "Added by the operator, with `paperround channel add`."
