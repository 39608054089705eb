# SPDX-License-Identifier: Apache-2.0
"""containerd's ctr, with a configuration of the container in which the hook is registered."""

import pathlib
import shutil

import container
import make_driver
import pytest
from conftest import need, need_cgroup
from engines import containerd as engine

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
GPU_0, GPU_1 = (f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2))
CUDA = "load:libcuda.so.1"
REACHED, MISSING = "ENXIO", "ENOENT"
RECORDS = pathlib.Path("/run/grapnel/containers")


@pytest.fixture(scope="module", params=["v1", "v2"])
def containerd(request, tmp_path_factory):
    need("containerd", "ctr", "runc")
    need_cgroup(request.param)
    made = engine.Containerd(tmp_path_factory.mktemp("containerd") / request.param, request.param)
    yield made
    made.end()


@pytest.fixture
def ask_for(bundle):
    def ask(devices):
        bundle.name = bundle.name[-60:].strip("-")  # containerd takes no longer one
        bundle.env(f"NVIDIA_VISIBLE_DEVICES={devices}")
        return bundle
    return ask


def test_a_container_gets_what_it_asks_for(containerd, ask_for):
    bundle = ask_for(0)
    before = container.listing(bundle.root)
    result = containerd.run(bundle, ask=[GPU_0, GPU_1, CUDA])
    assert result.code == 0, result.err
    assert (result[GPU_0], result[GPU_1]) == (REACHED, MISSING)
    assert result[CUDA] == f"{LIBRARIES}/libcuda.so.{make_driver.VERSION} libcuda"
    assert container.listing(bundle.root) == before
    assert list(RECORDS.iterdir()) == []


def test_a_runtime_of_the_users_choice(containerd, ask_for, tmp_path):
    program = tmp_path / "another-runc"
    program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n'
                       f'exec {shutil.which("runc")} "$@"\n')
    program.chmod(0o755)
    result = containerd.run(ask_for(make_driver.uuid(1)), "--runc-binary", program,
                            ask=[GPU_0, GPU_1, CUDA])
    assert result.code == 0, result.err
    assert (result[GPU_0], result[GPU_1]) == (MISSING, REACHED)
    assert " create " in (tmp_path / "calls").read_text()


def test_crun(containerd, ask_for, tools, tmp_path):
    program = tmp_path / "crun"
    program.write_text(f'#!/bin/sh\nLD_PRELOAD={tools.shim} exec {shutil.which("crun")} "$@"\n')
    program.chmod(0o755)
    result = containerd.run(ask_for(0), "--runc-binary", program, ask=[GPU_0, GPU_1, CUDA])
    assert result.code == 0, result.err
    assert (result[GPU_0], result[GPU_1]) == (REACHED, MISSING)
    assert result[CUDA].endswith(" libcuda")


def test_the_line_of_an_error_reaches_the_user(containerd, ask_for):
    result = containerd.run(ask_for(7), ask=[GPU_0])
    assert result.code != 0
    assert "grapnel-hook: unknown device '7': this host has " in result.err
