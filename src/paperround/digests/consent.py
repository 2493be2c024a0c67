"""The sentences beside the buttons that people consent with: pages show them in their language, subscriptions
keep them in English.
"""

from __future__ import annotations

from typing import Final

from paperround.i18n.messages import mark_message

CONFIRMATION_WORDING: Final = mark_message(
    "Press the button to receive papers by mail. Each message has links to change or stop them."
)
SUBSCRIPTION_WORDING: Final = mark_message(
    "Trending papers and those that match your topics: every morning at seven, unless you choose otherwise."
)
CHANNEL_WORDING: Final = mark_message(
    "With the code that arrived there, papers go to this channel. Pause or remove it here at any time."
)
OPERATOR_WORDING: Final = "Added by the operator, with `paperround channel add`."
