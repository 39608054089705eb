# SPDX-License-Identifier: Apache-2.0
"""Many containers that start, are there and end at the same time."""

import copy
import json
import os
import pathlib
import subprocess

import container
import make_driver
import pytest
from conftest import need_cgroup

AT_ONCE = 64
RECORDS = pathlib.Path("/run/grapnel/containers")
CUDA = "load:libcuda.so.1"
REACHED, DENIED = "ENXIO", "EPERM"


class Started:
    """A container on an overlay of its own; it ends when its standard input does."""

    def __init__(self, bundle, number, cgroup):
        self.gpu = number % 2
        self.name = f"{bundle.name[-60:].strip('-')}-{number}"
        self.directory = bundle.directory / f"container-{number}"
        for name in ("rootfs", "upper", "work"):
            (self.directory / name).mkdir(parents=True)
        minors = [make_driver.minor(index, 2) for index in (self.gpu, 1 - self.gpu)]
        self.queries = [f"open:/dev/nvidia{minors[0]}", f"stat:/dev/nvidia{minors[1]}",
                        *(f"make:c:195:{minor}" for minor in minors), CUDA]
        config = copy.deepcopy(bundle.config)
        config["linux"]["cgroupsPath"] = f"{container.CGROUP}/{self.name}"
        config["process"]["env"].append(f"NVIDIA_VISIBLE_DEVICES={self.gpu}")
        config["process"]["args"] = [
            "/bin/sh", "-c", f"/bin/look {' '.join(self.queries)}; /bin/busybox cat"]
        (self.directory / "config.json").write_text(json.dumps(config))
        overlay = (f"lowerdir={bundle.root},upperdir={self.directory}/upper,"
                   f"workdir={self.directory}/work")
        setup = f"mount -t overlay -o {overlay} overlay {self.directory}/rootfs"
        command = ["runc", "--root", str(bundle.directory / "state"), "run", self.name]
        with open(self.directory / "errors", "w") as errors:
            self.process = subprocess.Popen(
                container.in_cgroup_view(cgroup, command, setup), cwd=self.directory,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)

    def answers(self):
        """In the order of the queries; short where the container did not start."""
        found = []
        for line in self.process.stdout:
            found.append(json.loads(line)["result"])
            if len(found) == len(self.queries):
                break
        return found

    def end(self):
        self.process.stdin.close()

    def wait(self):
        code = self.process.wait(timeout=120)
        self.process.stdout.close()
        return code, (self.directory / "errors").read_text()


def cgroups_of(name):
    return [path for place in ("/sys/fs/cgroup/devices", "/sys/fs/cgroup/unified",
                               "/sys/fs/cgroup")
            for path in pathlib.Path(place + container.CGROUP).glob(f"{name}*")]


@pytest.mark.parametrize("cgroup", ["v1", "v2"])
def test_many_containers_at_once(bundle, cgroup):
    need_cgroup(cgroup)
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    started = [Started(bundle, number, cgroup) for number in range(AT_ONCE)]
    answers = [one.answers() for one in started]
    there = len(list(RECORDS.glob("*.jsonl")))
    for one in started:
        one.end()
    ended = [one.wait() for one in started]
    assert ended == [(0, "")] * AT_ONCE
    for found in answers:
        assert found[:4] == [REACHED, "ENOENT", REACHED, DENIED]
        assert found[4].endswith(f"libcuda.so.{make_driver.VERSION} libcuda")
    assert there == AT_ONCE
    # and nothing is left of them
    assert list(RECORDS.iterdir()) == []
    for one in started:
        left = [os.path.join(directory, name) for directory, names, files
                in os.walk(one.directory / "upper") for name in names + files]
        assert {place.removeprefix(f"{one.directory}/upper") for place in left} \
            <= {"/etc", "/etc/ld.so.cache", "/tmp", "/usr", "/usr/bin", "/usr/lib",
                "/usr/lib/x86_64-linux-gnu"}, left
    assert cgroups_of(bundle.name[-60:].strip("-")) == []
    assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts
