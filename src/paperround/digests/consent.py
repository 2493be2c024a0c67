"""The sentences beside the buttons that people consent with: pages show them, subscriptions keep them."""

from __future__ import annotations

from typing import Final

CONFIRMATION_WORDING: Final = (
    "Press the button to receive papers by mail. Each message has links to change or stop them."
)
SUBSCRIPTION_WORDING: Final = (
    "Trending papers and those that match your topics: every morning at seven, unless you choose otherwise."
)
CHANNEL_WORDING: Final = (
    "With the code that arrived there, papers go to this channel. Pause or remove it here at any time."
)
OPERATOR_WORDING: Final = "Added by the operator, with `paperround channel add`."
