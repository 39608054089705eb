# SPDX-License-Identifier: Apache-2.0
"""Starts and ends of a container made by hand, as programs to fail: see cases.py."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import time

import container
import hand_made
from faults import host

LIBRARIES = "usr/lib/x86_64-linux-gnu"
PATH_FILE = "etc/ld-musl-x86_64.path"
CACHE = "etc/ld.so.cache"
SETUP = 'mount --bind /proc/driver "$ROOT/proc/driver"'
SKIPPED_SILENTLY = ("openat", "newfstatat", "fstat", "mmap", "read")  # of a library, by ldconfig
NODES = ("/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm")


def link_by_number():
    """The links that udev makes for the driver's nodes."""
    pathlib.Path("/dev/char").mkdir(exist_ok=True)
    for node in pathlib.Path("/dev").glob("nvidia*"):
        if node.is_char_device():
            number = node.stat().st_rdev
            link = pathlib.Path(f"/dev/char/{os.major(number)}:{os.minor(number)}")
            if not link.is_symlink():
                link.symlink_to(f"../{node.name}")


def make_bundle(directory, hook, tools, settings=""):
    """Of an image of which links and a file are replaced for the container's time."""
    bundle = container.Bundle(directory, hook, tools)
    (bundle.root / "usr/lib/ld-musl-x86_64.so.1").write_bytes(b"musl's loader")
    (bundle.root / PATH_FILE).write_text("/lib:/usr/lib\n")
    (bundle.root / LIBRARIES / "libcuda.so.1").symlink_to("libcuda.so.470.57.02")
    (bundle.root / "usr/bin/nvidia-smi").symlink_to("/nowhere")
    subprocess.run(["ldconfig", "-r", bundle.root], check=True, capture_output=True)
    bundle.set_settings(settings)
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    bundle.write_config(["/bin/true"])
    return bundle


def age(root):
    """Directories of an image are old: the hook restores no time of one that changed just now."""
    an_hour_ago = time.time() - 3600
    for directory, _, _ in os.walk(root):
        os.utime(directory, (an_hour_ago, an_hour_ago))


class Scenario:
    """A container whose root file system is as it was before each case."""

    def __init__(self, name, tools, fail_call, bundle):
        self.name = name
        self.tools = tools
        self.fail_call = fail_call
        self.bundle = bundle
        path = bundle.config["linux"]["cgroupsPath"].lstrip("/")
        self.cgroup = pathlib.Path("/sys/fs/cgroup", path)
        self.made = None
        self.log = ""
        link_by_number()
        age(bundle.root)
        self.image = self.image_now()
        shutil.copytree(bundle.root, bundle.directory / "pristine", symlinks=True)

    # a run

    def command(self, stage, name=None):
        return [self.bundle.hook, f"--config={self.bundle.settings}", stage]

    def options(self):
        state = self.made.state() if self.made else self.bundle.state()
        return {"input": state, "env": {}}

    def make_container(self):
        self.cgroup.mkdir(parents=True, exist_ok=True)
        subprocess.run([self.tools.device_programs, "attach", self.cgroup, "deny"], check=True)
        self.made = hand_made.HandMade(self.bundle, setup=SETUP, cgroup=self.cgroup)

    def end_container(self):
        if self.made:
            self.made.end()
            self.made = None
        self.cgroup.rmdir()

    def poststop(self):
        return subprocess.run(self.command("poststop"), input=self.bundle.state(), env={},
                              capture_output=True, text=True, timeout=60, check=False)

    # what is there

    def image_now(self):
        return host.tree(self.bundle.root, without=(CACHE,))

    def seen(self):
        """The whole container."""
        mounts, inside = host.mounts(self.made)
        opened = self.made.look("load:libcuda.so.1", *(f"open:{node}" for node in NODES),
                                cgroup=self.cgroup).answers
        cache = sorted(container.cached_libraries(self.bundle.root / CACHE))
        # a file that is set aside has the number of a process in its name
        image = {place: facts for place, facts in self.image_now().items() if ".grapnel-" not in place}
        return {"mounts": mounts, "inside": inside, "opened": opened, "cache": cache, "image": image}

    def restore(self):
        """After a finding: as if nothing had been."""
        shutil.rmtree(self.bundle.root)
        shutil.copytree(self.bundle.directory / "pristine", self.bundle.root, symlinks=True)
        self.image = self.image_now()
        shutil.rmtree("/run/grapnel", ignore_errors=True)

    def reset_cache(self):
        """The image's own cache, newer than the directories that it describes."""
        path = self.bundle.root / CACHE
        path.unlink(missing_ok=True)
        shutil.copy2(self.bundle.directory / "pristine" / CACHE, path)
        touch_like_pristine(self.bundle)

    # a case

    def check_image(self):
        now = self.image_now()
        if now != self.image:
            return [f"in the image: {host.difference(self.image, now)}"]
        return []

    def check_end(self):
        """poststop, and nothing stays."""
        done = self.poststop()
        problems = []
        if (done.returncode, done.stdout, done.stderr) != (0, "", ""):
            problems.append(f"poststop: {done.returncode} {done.stderr}")
        problems += self.check_image()
        now = host.host_state()
        if now != self.host:
            problems.append(f"on the host: {host.difference(self.host, now)}")
        return problems


def touch_like_pristine(bundle):
    """Directories as old as in the image: the cache is compared with them."""
    pristine = bundle.directory / "pristine"
    for directory, _, _ in os.walk(pristine):
        status = os.stat(directory)
        place = bundle.root / os.path.relpath(directory, pristine)
        with contextlib.suppress(FileNotFoundError):
            os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))


def one_line(case, outcome, program):
    """Problems of how a failed program ended."""
    lines = outcome.err.count("\n")
    killed = case.fault == "kill" and case.process == "0"
    told = case.call in ("write", "writev") and case.fault != "EINTR"
    problems = []
    if outcome.out:
        problems.append(f"on stdout: {outcome.out}")
    if not case.in_main:
        return problems if outcome.code != 0 else [*problems, "exit 0"]
    if outcome.code is None and not killed:
        problems.append("ended by a signal")
    if outcome.code not in (None, 1):
        problems.append(f"exit {outcome.code}")
    if lines > 1 or (lines == 0 and not killed and not told):
        problems.append(f"{lines} lines")
    if lines and not outcome.err.startswith(program + ": "):
        problems.append("no line of the program's")
    return problems


class Start(Scenario):
    """prestart: a whole container, or one line; after poststop nothing is left."""

    keeps_inventory = False  # else it looks at the host each time
    rebuilt_cache = None  # whole as well, where a failed call can make the image's cache stale

    def make_container(self):
        if not self.keeps_inventory:
            shutil.rmtree("/run/grapnel-inventory", ignore_errors=True)
        super().make_container()

    def baseline(self):
        self.make_container()
        calls = self.fail_call.calls(self.command("prestart"), **self.options())
        self.whole = self.seen()
        self.end_container()
        done = self.poststop()
        assert done.returncode == 0 and not self.check_image(), self.check_image()
        self.reset_cache()
        self.host = host.host_state()
        return calls

    def run(self, case):
        self.prepare()
        outcome = self.fail_call.run(case, self.command("prestart"), **self.options())
        problems = [f"left running: {outcome.left}"] if outcome.left else []
        if outcome.code == 0:
            problems += self.check_whole(case, outcome)
        else:
            problems += one_line(case, outcome, "grapnel-hook")
        self.end_container()
        problems += self.check_end()
        self.reset_cache()
        if problems:
            self.restore()
        return outcome, problems

    def prepare(self):
        self.bundle.log.unlink(missing_ok=True)
        self.make_container()

    def check_whole(self, case, outcome):
        problems = [f"on stderr: {outcome.err}"] if outcome.err else []
        seen = self.seen()
        if seen["cache"] == self.rebuilt_cache:
            seen["cache"] = self.whole["cache"]
        lacks = host.difference(self.whole, seen)
        if lacks and not self.is_told(case, lacks):
            problems.append(f"not whole: {lacks}")
        return problems

    def is_told(self, case, lacks):
        """Where a change is not permitted, an optional file is left out. Where ldconfig fails, the
        driver's entries are merged into the stale cache. The log says so. glibc's ldconfig itself
        leaves out a library that it could not look at, and says no cause."""
        if case.fault == "EPERM" and " warning: " in self.bundle.logged() and "opened" not in lacks:
            return True
        return (not case.is_own and lacks.keys() == {"cache"}
                and not any("nvidia" in str(entry) for entry in lacks["cache"]["missing"])
                and (case.call in SKIPPED_SILENTLY or " warning: " in self.bundle.logged()))
