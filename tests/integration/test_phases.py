# SPDX-License-Identifier: Apache-2.0
"""What each process of a start may do in each phase, by /proc/PID/status: the table in SECURITY.md.
strace holds every change of a capability set for a moment, and each process is looked at meanwhile."""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

import container
import pytest
from conftest import need

SECURITY = pathlib.Path(__file__).parents[2] / "SECURITY.md"
NUMBERS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2, "FOWNER": 3, "KILL": 5, "SETGID": 6,
           "SETUID": 7, "SETPCAP": 8, "NET_ADMIN": 12, "SYS_MODULE": 16, "SYS_CHROOT": 18,
           "SYS_PTRACE": 19, "SYS_ADMIN": 21, "SYS_RESOURCE": 24, "MKNOD": 27, "SYSLOG": 34}
HOLD_US = 60_000

# a process at a moment; the sets as numbers
Seen = collections.namedtuple("Seen", "process effective permitted bounding")


def table():
    """The rows of SECURITY.md: {(process, phase): Seen}, as far as this machine's root has them."""
    available = int(status("self")["CapPrm"], 16)
    lines = SECURITY.read_text().splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("| process | phase |"))
    names = [name.strip() for name in lines[head].strip("|").split("|")][2:]
    rows = {}
    for line in lines[head + 2:]:
        if not line.startswith("|"):
            break
        process, phase, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        masks = {letter: sum(1 << NUMBERS[name] for name, cell in zip(names, cells, strict=True)
                             if letter in cell) & available for letter in "Epb"}
        rows[process, phase] = Seen(process, masks["E"], masks["E"] | masks["p"], masks["b"])
    return rows


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(re.findall(r"^(\w+):\s+(.*)$", text, re.M))


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


class Watch:
    """Looks at the processes below strace until it ends."""

    def __init__(self, hook):
        self.hook = str(hook)
        self.seen = {}  # what: one of the times that it was seen
        self.modules = None  # the helper process for kernel modules

    def role(self, pid, above):
        program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        if "grapnel-program" in program:
            return None if not above else "ldconfig" if above[-1] == "ldconfig helper" else "probe"
        if program not in ("grapnel-hook", pathlib.Path(self.hook).name):
            return None
        return {(): "hook", ("hook",): "container process",
                ("hook", "container process"): "ldconfig helper"}.get(tuple(above))

    def look(self, pid, above=()):
        role = self.role(pid, above)
        now = status(pid)
        if role == "container process" and now["Seccomp"] == "0":
            role = "module helper"  # it was started before there was a filter
        sets = [int(now[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")]
        if role == "ldconfig helper" and sets[1] == 0:
            role = "probe"  # on its way to become that program
        if role == "ldconfig helper" and sets[1] == 1 << NUMBERS["DAC_READ_SEARCH"]:
            role = "host reader"
        # that helper has no filter; while it may still set its sets, it is on its way into the phase
        confined = not sets[1] >> NUMBERS["SETPCAP"] & 1 if role == "module helper" else now["Seccomp"] == "2"
        if role and confined:
            assert (now["CapInh"], now["CapAmb"]) == ("0" * 16, "0" * 16), role
            assert now["NoNewPrivs"] == "1", role
            self.seen[Seen(role, *sets)] = now
        for child in children(pid):
            try:
                self.look(child, (*above, role))
            except (OSError, KeyError):
                pass

    def run(self, command, text, code):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env={})
        feeder = threading.Timer(0.5, lambda: (process.stdin.write(text), process.stdin.close()))
        feeder.start()
        while process.poll() is None:
            try:
                for child in children(process.pid):
                    self.look(child)
            except OSError:
                pass
            time.sleep(0.004)
        feeder.join()
        error = process.stderr.read()
        assert process.returncode == code, error


def watched(bundle, stage, text, view=(), code=0):
    need("strace")
    calls = "capset,execveat"
    watch = Watch(bundle.hook)
    watch.run([*view, "strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
               f"inject={calls}:delay_exit={HOLD_US}", bundle.hook,
               f"--config={bundle.settings}", stage], text, code)
    return watch.seen


def names(mask):
    return "+".join(name for name, number in NUMBERS.items() if mask >> number & 1) or "none"


def show(seen):
    return (f"{seen.process}: effective {names(seen.effective)}, permitted {names(seen.permitted)}, "
            f"bounding {names(seen.bounding)}")


@pytest.fixture
def start(hand_made, bundle, cgroups):
    """A start with something of everything to do: creations of an earlier container, links of numbers
    that are missing, a device cgroup, ldconfig."""
    cgroup = cgroups.make("v2", bundle.name)
    bundle.set_settings('ldcache = "ldconfig"\n')
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    left = hand_made(bundle)
    assert left.hook().returncode == 0
    left.end()
    made = hand_made(bundle, cgroup=cgroup)
    bundle.write_config(["/bin/true"])
    for link in pathlib.Path("/dev/char").glob("195:*"):
        link.unlink()
    view = container.in_cgroup_view("v2", [])
    return made, view


def test_phases_have_the_capabilities_of_the_table(start, bundle):
    made, view = start
    rows = table()
    seen = watched(bundle, "prestart", made.state(), view)
    seen |= watched(bundle, "poststop", made.state(status="stopped"))
    bundle.set_settings(f'probe = "{shutil.which("sleep")}"\n')
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_X=brand=tesla")
    bundle.write_config(["/bin/true"])
    seen |= watched(bundle, "prestart", made.state(), code=1)
    allowed = set(rows.values())
    # until its first call a process is a copy of the one that starts it
    for (process, phase), copied in (
            (("hook", "poststop: read the settings"), "container process"),
            (("container process", "start grapnel-probe"), "ldconfig helper"),
            (("container process", "read the host's files"), "ldconfig helper"),
            (("container process", "enter the mount namespace"), "ldconfig helper")):
        allowed.add(rows[process, phase]._replace(process=copied))
    strange = [show(one) for one in seen if one not in allowed and not is_users(one, allowed)]
    assert strange == []
    missing = [key for key, row in rows.items() if row not in seen]
    assert missing == []


def is_users(one, allowed):
    """On a volume nothing is effective."""
    return one.effective == 0 and any(
        (one.process, one.permitted, one.bounding) == (row.process, row.permitted, row.bounding)
        for row in allowed)
