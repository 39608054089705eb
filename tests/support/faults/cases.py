# SPDX-License-Identifier: Apache-2.0
"""The faults of one program: every system call of an unfailed run fails once with each error, and
the process that makes it is killed at it."""

import collections
import dataclasses
import errno
import hashlib
import pathlib
import subprocess

ERRORS = ("ENOMEM", "EPERM", "EINTR", "EIO", "ENOSPC", "EMFILE")
KILL = "kill"
# the kernel cannot fail them, or nothing comes after them; brk returns no error but the old end
NEVER_FAIL = frozenset(("brk", "exit_group", "exit", "umask", "getpid", "gettid", "getppid", "getuid",
                        "geteuid", "getgid", "getegid", "rt_sigreturn", "execve", "arch_prctl",
                        "set_tid_address", "rseq", "set_robust_list"))


@dataclasses.dataclass(frozen=True)
class Case:
    """One fault. A process is named as fail_call.c names it; numbers count from 1."""
    scenario: str
    process: str
    call: str
    number: int
    fault: str
    in_main: bool  # false: the C library still starts the program
    is_own: bool  # false: the process executes another program, or is about to

    def __str__(self):
        return f"{self.scenario}: {self.fault} at {self.call} {self.number} of process {self.process}"


@dataclasses.dataclass
class Outcome:
    code: int | None  # None: ended by a signal
    out: str
    err: str
    hit: bool
    left: list  # processes that live on


class FailCall:
    """Runs commands below fail_call.c."""

    def __init__(self, program, directory):
        self.program = program
        self.result = pathlib.Path(directory) / "result"

    def run(self, case, command, **options):
        number = 0 if case.fault == KILL else getattr(errno, case.fault)
        return self._run([case.process, case.call, str(case.number), str(number)], command, options)

    def _run(self, words, command, options):
        self.result.write_text("")
        done = subprocess.run([self.program, self.result, *words, *command], capture_output=True,
                              text=True, check=False, timeout=90, **options)
        lines = [line.split() for line in self.result.read_text().splitlines()]
        ended = {line[1]: line[2:] for line in lines if line[0] == "ended"}
        how, number = ended.get("0", ("signal", "0"))
        return Outcome(code=int(number) if how == "exit" else None, out=done.stdout, err=done.stderr,
                       hit=["hit"] in lines, left=[line[1] for line in lines if line[0] == "left"])

    def calls(self, command, **options):
        """[(process, call, count, number of the first one in main, whether it is the program's own
        process)] of a run that succeeds."""
        outcome = self._run(["list"], command, options)
        assert outcome.code == 0, outcome
        return [(line[1], line[2], int(line[3]), int(line[4]), line[5] == "own")
                for line in map(str.split, self.result.read_text().splitlines())
                if line[0] == "call"]


def is_told_of_nobody(call):
    """glibc's ldconfig takes a failed getdents64 for the end of a directory. Without memory for its
    first brk it aborts, which takes the time limit of the hook as the first process of a PID
    namespace below a tracer."""
    return call in ("brk", "getdents64")


def cases_of(scenario, calls):
    for process, call, count, first, is_own in calls:
        if not is_own and is_told_of_nobody(call):
            continue
        faults = (KILL,) if call in NEVER_FAIL else (*ERRORS, KILL)
        for number in range(1, count + 1):
            for fault in faults:
                yield Case(scenario, process, call, number, fault, number >= first, is_own)


def digest(case, seed):
    return hashlib.sha256(f"{seed} {case}".encode()).digest()


def part_of(cases, seed, part, parts):
    """One of disjoint parts. A case belongs to the same part in every process, whatever other cases
    are: how often a program makes a call differs a little from run to run."""
    return [case for case in cases if int.from_bytes(digest(case, seed), "big") % parts == part]


def ordered(cases, seed):
    """In an order that is random and complete: a case of each process, call and fault first, then
    a second one of each."""
    seen = collections.Counter()
    ranked = []
    for key, case in sorted(((digest(case, seed), case) for case in cases), key=lambda entry: entry[0]):
        group = (case.scenario, case.process, case.call, case.fault)
        ranked.append((seen[group], key, case))
        seen[group] += 1
    return [case for _, _, case in sorted(ranked, key=lambda entry: entry[:2])]
