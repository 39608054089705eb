# SPDX-License-Identifier: Apache-2.0
"""Containers in a user namespace: those of root with mapped users, and those of a user."""

import json
import os
import pathlib
import subprocess

import container
from engines import process

MAPPED = 100000


def map_users(bundle, mapped=MAPPED):
    linux = bundle.config["linux"]
    linux["namespaces"] = [{"type": kind} for kind in ("user", "network", "ipc", "uts", "mount")]
    # a new procfs and sysfs are not to be had in a user namespace where parts of the old ones
    # are covered, as they are on a simulated host
    for mount in bundle.config["mounts"]:
        if mount["type"] in ("proc", "sysfs"):
            mount.update(type="bind", source=mount["destination"],
                         options=["rbind", "nosuid", "noexec", "nodev"])
    for kind in ("uidMappings", "gidMappings"):
        linux[kind] = [{"containerID": 0, "hostID": mapped, "size": 65536}]
    for directory, names, files in os.walk(bundle.root):
        for name in [".", *names, *files]:
            os.lchown(os.path.join(directory, name), mapped, mapped)
    # the container's root looks the bundle up
    for parent in (bundle.directory, *bundle.directory.parents):
        if parent.is_relative_to("/tmp") and str(parent) != "/tmp":
            parent.chmod(0o755)
    return bundle


class Rootless:
    """A bundle of the user's, run by the user."""

    def __init__(self, bundle, cgroup):
        self.bundle = bundle
        self.cgroup = cgroup
        linux = bundle.config["linux"]
        linux["namespaces"] = [{"type": kind} for kind in ("user", "pid", "network", "ipc", "uts",
                                                           "mount")]
        linux["uidMappings"] = [{"containerID": 0, "hostID": process.USER_ID, "size": 1}]
        linux["gidMappings"] = [{"containerID": 0, "hostID": process.USER_ID, "size": 1}]
        del linux["cgroupsPath"]
        del linux["resources"]
        process.make_reachable(bundle.directory)
        process.give_to_user(bundle.directory)
        self.run_directory = pathlib.Path(f"/run/user/{process.USER_ID}")

    def map_more_users(self):
        linux = self.bundle.config["linux"]
        for kind in ("uidMappings", "gidMappings"):
            linux[kind].append({"containerID": 1, "hostID": process.FIRST_SUBID, "size": 1000})

    def run(self, runtime, *queries):
        return self.execute(runtime, "/bin/look", *queries)

    def execute(self, runtime, *args):
        bundle = self.bundle
        bundle.write_config(args)
        self.give(bundle.directory / "config.json")
        command = process.as_user(bundle.runtime_command(runtime, "run", bundle.name))
        setup = f"{process.user_setup(bundle.directory)} && " \
            + process.whole_proc_setup(bundle.directory)
        return process.answer(container.in_cgroup_view(self.cgroup, command, setup),
                              cwd=bundle.directory)

    @staticmethod
    def give(*paths):
        for path in paths:
            os.chown(path, process.USER_ID, process.USER_ID)

    def record_name(self, name):
        """As the hook names the record of a container of this bundle."""
        return f"{name}-{container.fnv1a(str(self.bundle.directory)):016x}.jsonl"

    def poststop_in_a_user_namespace(self, name):
        state = {"ociVersion": "1.0.2", "id": name, "status": "stopped",
                 "bundle": str(self.bundle.directory)}
        command = process.as_user(["unshare", "--user", "--map-root-user",
                                   str(self.bundle.hook), "poststop"])
        return subprocess.run(command, input=json.dumps(state), text=True, capture_output=True,
                              check=False, timeout=60)
