# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the suites that need root. They run inside tests/support/simulated-host."""

import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))

import container  # noqa: E402


def must_work():
    return os.environ.get("GRAPNEL_MUST_WORK") == "1"


def skip_or_fail(reason):
    """A test that cannot run is skipped with its reason; where it must work, it fails."""
    if must_work():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def simulated_host():
    if os.geteuid() != 0:
        pytest.exit("these suites need root: start them with tests/run", returncode=1)
    if not pathlib.Path("/proc/driver/nvidia/version").exists():
        pytest.exit("no driver is simulated: start these suites with tests/run", returncode=1)
    yield
    container.remove_test_cgroups()


@pytest.fixture(scope="session")
def hook():
    return pathlib.Path(os.environ["GRAPNEL_HOOK"]).resolve()


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    return container.Tools(tmp_path_factory.mktemp("tools"))


@pytest.fixture
def make_bundle(tmp_path, hook, tools, request):
    def make(family="debian", name=None):
        return container.Bundle(tmp_path / (name or request.node.name), hook, tools, family)
    return make


@pytest.fixture
def bundle(make_bundle):
    return make_bundle()


@pytest.fixture(params=["runc-v1", "runc-v2", "crun-v1", "crun-v2"])
def engine(request):
    """A function that runs a bundle with one runtime on one cgroup version."""
    runtime, cgroup = request.param.split("-")
    if shutil.which(runtime) is None:
        skip_or_fail(f"{runtime} is not installed")
    if not container.cgroup_version_possible(cgroup):
        skip_or_fail(f"this kernel has no cgroup {cgroup} with the devices controller")

    def run(bundle, *queries, **options):
        return bundle.run(runtime, cgroup, *queries, **options)
    run.runtime = runtime
    run.cgroup = cgroup
    return run
