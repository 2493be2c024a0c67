"""`make fuzz`: inputs of every kind for some minutes; what fails goes into the corpus.

python -m fuzz --minutes 10 --only mail --seed 7
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import time
import traceback
from contextlib import ExitStack

from fuzz.api import api_target
from fuzz.runner import Hunt
from fuzz.targets import PURE_TARGETS
from support.databases import running_server

INPUTS_A_TURN = 100


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", default="", help="the name of one target")
    arguments = parser.parse_args()
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    logging.disable()  # the site says of each request that it is no HTTP
    with ExitStack() as stack:
        server = stack.enter_context(running_server(f"fuzz-{seed}"))
        targets = [
            target for target in (*PURE_TARGETS, api_target(server)) if arguments.only in ("", target.name)
        ]
        hunts = [Hunt(target, stack.enter_context(target.open())) for target in targets]
        hunt(hunts, until=time.monotonic() + arguments.minutes * 60, seed=seed)
    for one in hunts:
        print(f"{one.target.name:10} {one.tried:9} inputs, the slowest {one.slowest:.2f} s")
    return 1 if any(one.error for one in hunts) else 0


def hunt(hunts: list[Hunt], *, until: float, seed: int) -> None:
    """Give each target its turn, until time is up. One that has failed is left out from then on."""
    turn = seed
    while time.monotonic() < until and any(one.error is None for one in hunts):
        for one in hunts:
            turn += 1
            if one.error is None and time.monotonic() < until:
                one.go_on(INPUTS_A_TURN, seed=turn)
                if one.error is not None:
                    tell(one)


def tell(one: Hunt) -> None:
    print(f"\n{one.target.name}: FOUND, after {one.tried} inputs", flush=True)
    traceback.print_exception(one.error, limit=-6)
    if one.finding is not None:
        print(f"{one.target.name}: {one.finding[:300]!r} is kept as {one.keep()}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
