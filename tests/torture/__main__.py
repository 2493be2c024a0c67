"""`make torture`: random faults for some minutes, the invariants after each round.

    python -m torture --minutes 20 --seed 7

A seed repeats a run's plan: which faults come in which order, how the feed grows and what readers do.
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psycopg

from torture.faults import FAULTS, Undo
from torture.invariants import find_violations, list_leftovers, settle
from torture.readers import Readers
from torture.world import World

FAULTS_A_ROUND = (45, 60)
PAUSE_SECONDS = (0.1, 1.6)
DIGESTS_A_ROUND = 40
CHANNELS_A_ROUND = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=1, help="workers beside those of `up`")
    arguments = parser.parse_args()
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    broken = run(seed, minutes=arguments.minutes, workers=arguments.workers)
    return 1 if broken else 0


def run(seed: int, *, minutes: float, workers: int) -> list[str]:
    """Torture for some minutes, at least one round. Returns the violations."""
    chance = random.Random(seed)
    broken: list[str] = []
    with World(chance, extra_workers=workers) as world:
        world.start()
        readers = Readers(world)
        readers.sign_in()
        plan = Plan(chance)
        until, number = time.monotonic() + minutes * 60, 0
        while time.monotonic() < until or number == 0:
            number += 1
            of_round = torture_round(world, readers, plan, until)
            for violation in of_round:
                print(f"round {number}: VIOLATED: {violation}", flush=True)
            broken += of_round
            print(f"round {number}: {world.faults.total()} faults, {len(of_round)} violations", flush=True)
        world.stop()
        broken += list_leftovers(world)
        tracebacks = world.count_tracebacks()
        report(world, readers, broken, tracebacks)
        if broken or tracebacks:
            kept = Path.cwd() / f"torture-{seed}.log"
            shutil.copyfile(world.log, kept)
            print(f"the log is {kept}")
    return broken


class Plan:
    """The order of faults: all kinds in turn, shuffled, so that a run has every kind."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.waiting: list[str] = []

    def next(self) -> str:
        if not self.waiting:
            self.waiting = sorted(FAULTS)
            self.chance.shuffle(self.waiting)
        return self.waiting.pop()


def torture_round(world: World, readers: Readers, plan: Plan, until: float) -> list[str]:
    undo: list[tuple[float, Undo]] = []
    readers.fall_due(DIGESTS_A_ROUND)
    world.channels.fall_due(world, CHANNELS_A_ROUND)
    for _ in range(world.chance.randint(*FAULTS_A_ROUND)):
        if time.monotonic() > until:
            break
        name = plan.next()
        with suppress(psycopg.Error, OSError):
            undone_by = FAULTS[name](world)
            world.faults[name] += 1
            if undone_by:
                undo.append((time.monotonic() + world.chance.uniform(0.5, 8), undone_by))
        world.feed.grow(1)
        readers.act()
        time.sleep(world.chance.uniform(*PAUSE_SECONDS))
        if world.up is None or world.up.poll() is not None:
            heal(undo, everything=True)
            world.start()
        heal(undo)
    heal(undo, everything=True)
    world.feed.active_faults.clear()
    world.sink.active_faults.clear()
    world.channels.active_faults.clear()
    world.start()
    late = settle(world)
    return late + find_violations(world, readers, world.channels)


def heal(undo: list[tuple[float, Undo]], *, everything: bool = False) -> None:
    """Undo what has lasted long enough."""
    for entry in list(undo):
        if everything or time.monotonic() >= entry[0]:
            undo.remove(entry)
            entry[1]()


def report(world: World, readers: Readers, broken: list[str], tracebacks: int) -> None:
    print(f"\n{world.faults.total()} faults of {len(world.faults)} kinds:")
    answers: Counter[str] = Counter()
    answers.update({f"feed: {name}": number for name, number in world.feed.faults.items()})
    answers.update({f"mail: {name}": number for name, number in world.sink.faults.items()})
    answers.update({f"channels: {name}": number for name, number in world.channels.faults.items()})
    for name, number in sorted(world.faults.items()):
        answered = f" ({answers[name]} answers broken)" if name in answers else ""
        print(f"  {number:4} {name}{answered}")
    papers = sum(len(records) for records in world.feed.truth.values())
    mails = len(world.sink.taken)
    posts = len(world.channels.sink.taken)
    print(f"work: {world.feed.requests} requests to the feed, {papers} papers, {mails} mails taken,")
    print(f"      {posts} messages taken by {world.channels.fallen_due} channels")
    print("      " + ", ".join(f"{number} {name}" for name, number in sorted(readers.done.items())))
    print(f"tracebacks in the log: {tracebacks}")
    print(f"violations: {len(broken)}")


if __name__ == "__main__":
    sys.exit(main())
