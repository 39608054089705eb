#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The container of tests/demo: demo.py DIRECTORY

demo.py --check DIRECTORY starts one without hook and driver, to see whether runc can."""

import collections
import os
import pathlib
import subprocess
import sys

import container

DEVICES = "NVIDIA_VISIBLE_DEVICES=0"


def make_bundle(directory):
    hook = pathlib.Path(os.environ["GRAPNEL_HOOK"]).resolve()
    bundle = container.Bundle(directory / "demo", hook, container.Tools(directory / "tools"))
    bundle.env(DEVICES)
    if pathlib.Path("/opt/nvidia/lib64").is_dir():
        bundle.show_proc_driver()
    else:
        # what a real driver's files are linked with is the image's part
        for name in ("bin/nvidia-smi", "libcuda.so.", "libnvidia-ml.so."):
            mount = next(one for one in bundle.plan()["mounts"] if name in one["host"])
            container.copy_libraries(mount["host"], bundle.root,
                                     container.LIBRARY_DIRECTORIES["debian"])
    return bundle


def run(bundle, *args):
    bundle.write_config(args)
    process = subprocess.run(["runc", "--root", bundle.directory / "state", "run", bundle.name],
                             cwd=bundle.directory, stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, check=False)
    if process.returncode != 0 and not process.stdout:
        raise SystemExit(process.stderr)
    return container.Result(process)


def show_plan(plan):
    print(f"\nthe plan, for a container with {DEVICES}:")
    print(f"  driver {plan['driver']['version']}, CUDA {plan['driver']['cuda']},"
          f" driver capabilities {', '.join(plan['driver_capabilities'])}")
    for gpu in plan["gpus"]:
        print(f"  GPU {gpu['index']}: {gpu['uuid']} at {gpu['pci']}, /dev/nvidia{gpu['minor']}")
    kinds = collections.Counter(mount["kind"] for mount in plan["mounts"])
    print("  mounts: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    print("  for example " + next(f"{mount['host']}\n           -> {mount['inside']} ({','.join(mount['options'])})"
                                  for mount in plan["mounts"] if "libcuda.so" in mount["host"]))
    print(f"  {len(plan['links'])} links, device rules {', '.join(plan['device_rules'])}")


def show_view(bundle, plan):
    nodes = [mount["inside"] for mount in plan["mounts"] if mount["kind"] == "device"]
    granted = {rule.split()[1] for rule in plan["device_rules"]}
    other = next(f"195:{minor}" for minor in range(256) if f"195:{minor}" not in granted)
    denied = f"make:c:{other}"
    queries = [f"open:{node}" for node in nodes] + [
        "load:libcuda.so.1", "load:libnvidia-ml.so.1", "list:/proc/driver/nvidia/gpus", denied,
        "write:/usr/lib/x86_64-linux-gnu/libcuda.so.1"]
    seen = run(bundle, "/bin/look", *queries)
    meanings = {"OK": "opened", "ENXIO": "allowed (no driver is behind it)", "EPERM": "denied"}
    print("\nwhat a program in the container sees:")
    for node in nodes:
        print(f"  {node}: {meanings.get(seen[f'open:{node}'], seen[f'open:{node}'])}")
    for library in ("libcuda.so.1", "libnvidia-ml.so.1"):
        print(f"  dlopen {library}: {seen[f'load:{library}'].split(' ')[0]}")
    print(f"  /proc/driver/nvidia/gpus: {seen['list:/proc/driver/nvidia/gpus']}")
    print(f"  a node {other} that it makes itself: {meanings.get(seen[denied], seen[denied])}")
    print(f"  writing to libcuda.so.1: {seen['write:/usr/lib/x86_64-linux-gnu/libcuda.so.1']}")
    print("  nvidia-smi -L: " + run(bundle, "/usr/bin/nvidia-smi", "-L").out.strip())


def show_without_hook(bundle):
    hooks = bundle.config.pop("hooks")
    seen = run(bundle, "/bin/look", "stat:/dev/nvidiactl", "make:c:195:255", "load:libcuda.so.1")
    bundle.config["hooks"] = hooks
    print("\nthe same container without the hook:")
    print(f"  /dev/nvidiactl: {seen['stat:/dev/nvidiactl']}, made by itself: {seen['make:c:195:255']}")
    print(f"  dlopen libcuda.so.1: {seen['load:libcuda.so.1']}")


def check(directory):
    nothing = pathlib.Path("/nonexistent")
    bundle = container.Bundle(directory / "demo", nothing, container.Tools(directory / "tools"))
    bundle.config.pop("hooks")
    run(bundle, "/bin/busybox", "echo", "started")
    container.remove_test_cgroups()


def main():
    if sys.argv[1] == "--check":
        check(pathlib.Path(sys.argv[2]))
        return
    bundle = make_bundle(pathlib.Path(sys.argv[1]))
    plan = bundle.plan()
    show_plan(plan)
    show_view(bundle, plan)
    show_without_hook(bundle)
    left = [str(path.relative_to(bundle.root)) for path in bundle.root.rglob("*nvidia*")]
    print(f"\nleft in the root file system: {', '.join(left) or 'nothing'}")
    container.remove_test_cgroups()


if __name__ == "__main__":
    main()
