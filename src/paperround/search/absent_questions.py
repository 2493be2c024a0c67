"""Questions that a catalogue of papers has nothing about: whatever a search finds for them is wrong."""

from __future__ import annotations

from typing import Final

ABSENT_QUESTIONS: Final = (
    "best recipe for sourdough bread",
    "cheap flights to lisbon",
    "how to remove red wine stains from carpet",
    "asdf qwer zxcv",
    "lorem ipsum dolor sit amet",
    "florble wugs grommit",
    "how to train a puppy",
    "best pizza in naples",
    "knitting patterns for baby hats",
    "used car prices",
    "wedding dress rental",
    "how do i fix a leaking tap",
    "cat sleeping on the sofa",
    "hotel with pool in mallorca",
    "learning to play the ukulele",
    "weather tomorrow in berlin",
    "beef stew slow cooker",
    "tax return deadline",
    "running shoes for flat feet",
    "jazz concerts this weekend",
    "home remedies for a sore throat",
    "blargh snorf",
    "xyzzy plugh",
    "my dog ate my homework",
)
