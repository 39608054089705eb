# SPDX-License-Identifier: Apache-2.0
"""Containers whose root is another user of the host."""

import os

import container
import make_driver
import pytest
import user_namespaces


@pytest.fixture(params=["runc-v1", "runc-v2", "crun-v1", "crun-v2"])
def mapped_engine(request):
    runtime, cgroup = request.param.split("-")

    def run(bundle, *queries):
        return bundle.run(runtime, cgroup, *queries)
    return run


def test_the_driver_works(mapped_engine, bundle):
    user_namespaces.map_users(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))
    result = mapped_engine(bundle, "load:libcuda.so.1", "open:/dev/nvidia1", "open:/dev/nvidiactl",
                           "stat:/dev/nvidia0", "stat:/dev/nvidia1", "mounts")
    assert result.code == 0, result.err + bundle.logged()
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    # the node lies on the host's file system, where the container may open it
    assert result["open:/dev/nvidia1"] == result["open:/dev/nvidiactl"] == "ENXIO"
    assert result["stat:/dev/nvidia0"] == "ENOENT"
    for place, (options, propagation, _) in container.parse_mountinfo(result["mounts"]).items():
        if "nvidia" in place:
            assert "nosuid" in options and propagation == [], place
            assert "ro" in options or place.startswith("/dev/"), place


def test_what_is_made_belongs_to_the_mapped_root(mapped_engine, bundle):
    user_namespaces.map_users(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    before = container.listing(bundle.root)
    result = mapped_engine(bundle, "stat:/usr/lib/x86_64-linux-gnu/libcuda.so.1",
                           "stat:/lib/firmware/nvidia", "stat:/etc/ld.so.cache")
    assert result.code == 0, result.err + bundle.logged()
    for query, answer in result.answers.items():
        assert answer.endswith(" 0:0"), query
    status = (bundle.root / "etc/ld.so.cache").stat()
    assert (status.st_uid, status.st_gid) == (user_namespaces.MAPPED, user_namespaces.MAPPED)
    assert container.listing(bundle.root) == before


def test_a_rootfs_of_the_hosts_root_is_served(bundle):
    # idmapped and shared images: the mapped root may not write there, the host's may
    user_namespaces.map_users(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    for directory in ("usr/lib/x86_64-linux-gnu", "usr/bin", "etc"):
        os.chown(bundle.root / directory, 0, 0)
    result = bundle.run("runc", "v2", "load:libcuda.so.1")
    assert result.code == 0, result.err + bundle.logged()
    assert result["load:libcuda.so.1"].endswith(f"libcuda.so.{make_driver.VERSION} libcuda")
