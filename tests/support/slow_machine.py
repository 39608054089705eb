# SPDX-License-Identifier: Apache-2.0
"""Tests on a slow machine, such as one that qemu emulates.

GRAPNEL_SLOWNESS=10 makes each time limit of a test ten times as long. GRAPNEL_VARIANTS=5 runs at
most five variants of a parametrized test: others each day, and others on each kernel.
GRAPNEL_PART=2/4 runs the second of four parts of the tests."""

import collections
import datetime
import os
import random
import subprocess

SLOWNESS = float(os.environ.get("GRAPNEL_SLOWNESS", "1"))
VARIANTS = int(os.environ.get("GRAPNEL_VARIANTS", "0"))
PART, PARTS = map(int, os.environ.get("GRAPNEL_PART", "1/1").split("/"))


def seconds(limit):
    return limit * SLOWNESS


def extend_subprocess_limits():
    """Popen's two calls that can wait: run() and its like use them."""
    for name in ("communicate", "wait"):
        setattr(subprocess.Popen, name, _extended(getattr(subprocess.Popen, name)))


def _extended(method):
    def call(self, *arguments, timeout=None, **options):
        return method(self, *arguments, timeout=timeout and seconds(timeout), **options)
    return call


def sample_variants(items):
    """At most VARIANTS items of each test function, in their order; the seed."""
    seed = f"{datetime.date.today().isoformat()} {os.uname().release}"
    variants = collections.defaultdict(list)
    for item in items:
        variants[item.nodeid.split("[")[0]].append(item)
    chance = random.Random(seed)
    chosen = {id(item) for group in variants.values()
              for item in chance.sample(group, min(VARIANTS, len(group)))}
    items[:] = [item for item in items if id(item) in chosen]
    return seed


def keep_part(items):
    """Every test is in one part; a file's tests are spread over all of them."""
    items[:] = items[PART - 1::PARTS]
