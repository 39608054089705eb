#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Has every system call of starts and ends fail once, and kills the program at it: a whole
container or one line, and nothing is left.

  failing_calls.py [--minutes N] [--sample N] [--seed WORD] [--part I/N] [--only SCENARIO]
                   [--case "PROCESS CALL NUMBER FAULT"] DIRECTORY

Runs inside simulated-host with $GRAPNEL_HOOK, on cgroup version 2. Prints each finding, and at the
end how many of all cases were run; ends with 1 if there is a finding.
"""

import argparse
import collections
import datetime
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import container  # noqa: E402
from faults import cases, ends, runtimes, starts  # noqa: E402

SHOWN_OF_A_KIND = 3


def scenarios(directory, hook, only):
    """Made one after another: each sees the host as the former left it."""
    tools = container.Tools(directory / "tools")
    fail_call = cases.FailCall(tools.compiled("fail_call", "fail_call.c", "-lseccomp"), directory)
    kinds = {
        "start": (starts.Start, ""),
        "start-ldconfig": (starts.Start, 'ldcache = "ldconfig"\n'),
        "next-start": (ends.NextStart, ""),
        "poststop": (ends.Poststop, ""),
        **runtimes.KINDS,
    }
    for name, (kind, settings) in kinds.items():
        if only and name not in only:
            continue
        bundle = starts.make_bundle(directory / f"{name}-{os.getpid()}", hook, tools, settings)
        yield kind(name, tools, fail_call, bundle)


class Report:
    def __init__(self):
        self.kinds = collections.Counter()
        self.run = collections.Counter()
        self.missed = 0

    def add(self, case, outcome, problems):
        self.run[case.scenario] += 1
        self.missed += not outcome.hit
        if not problems:
            return
        kind = (case.scenario, case.process, case.call)
        self.kinds[kind] += 1
        if self.kinds[kind] <= SHOWN_OF_A_KIND:
            print(f"FOUND {case}: {'; '.join(problems)[:1500]}\n  exit {outcome.code}, "
                  f"stderr: {outcome.err!r}", flush=True)

    def summary(self, chosen, total, seed):
        for kind, count in self.kinds.items():
            print(f"{count} findings: {' '.join(kind)}")
        print(f"{sum(self.run.values())} of {chosen} cases run, of {total} in all, {self.missed} not "
              f"reached, seed {seed}, {sum(self.kinds.values())} findings; {dict(self.run)}")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", default=datetime.date.today().isoformat())
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--only", action="append")
    parser.add_argument("--case", action="append", default=[])
    return parser.parse_args()


def main():
    options = arguments()
    options.directory.mkdir(parents=True, exist_ok=True)
    hook = pathlib.Path(os.environ["GRAPNEL_HOOK"]).resolve()
    print("seed", options.seed, flush=True)
    known, chosen = {}, []
    for scenario in scenarios(options.directory, hook, options.only):
        known[scenario.name] = scenario
        chosen += cases.cases_of(scenario.name, scenario.baseline())
    if options.case:
        words = [tuple(text.split()) for text in options.case]
        chosen = [case for case in chosen
                  if (case.process, case.call, str(case.number), case.fault) in words]
    total = len(chosen)
    chosen = cases.part_of(chosen, options.seed, *map(int, options.part.split("/")))
    chosen = cases.ordered(chosen, options.seed)[:options.sample]
    report = Report()
    end = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    for case in chosen:
        if time.monotonic() > end:
            break
        report.add(case, *known[case.scenario].run(case))
    report.summary(len(chosen), total, options.seed)
    return 1 if report.kinds else 0


if __name__ == "__main__":
    if os.environ.get("GRAPNEL_CGROUP_VIEW") is None:
        os.environ["GRAPNEL_CGROUP_VIEW"] = "v2"
        sys.exit(subprocess.call(container.in_cgroup_view("v2", [sys.executable, *sys.argv])))
    sys.exit(main())
