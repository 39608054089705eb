# SPDX-License-Identifier: Apache-2.0
"""apptainer exec --nvccli, which has nvidia-container-cli give its containers the driver."""

import shutil

import clusters
import container
import make_driver
import pages
import pytest


@pytest.fixture
def image(bundle):
    return clusters.image_of_user(bundle)


@pytest.fixture(autouse=True)
def need_apptainer():
    if shutil.which("apptainer") is None:
        pytest.skip("this suite has no apptainer")


@pytest.fixture(params=["user", "fakeroot", "root"])
def apptainer(request, image, programs, tmp_path):
    """A function that runs look.c in the image."""
    call = clusters.Caller(programs, tmp_path)
    # root's containers get each right there is, of which this machine can lack one
    more = {"user": [], "fakeroot": ["--fakeroot"], "root": ["--drop-caps", "all"]}[request.param]

    def run(devices, *options):
        return call("apptainer", "exec", *more, "--nvccli", "--no-home", *options, image,
                    "/bin/look", *clusters.DRIVER, user=request.param != "root",
                    NVIDIA_VISIBLE_DEVICES=devices)
    return run


@pytest.mark.parametrize("writable", [(), ("--writable",)])
def test_apptainer_nvccli(apptainer, image, writable):
    before = container.listing(image)
    assert clusters.has_driver(apptainer("0", *writable))
    assert bool(writable) == (container.listing(image) != before)


def test_commands_of_the_page_work(image, programs, tmp_path):
    call = clusters.Caller(programs, tmp_path)
    for command in pages.commands("hpc.md", "apptainer", IMAGE=image):
        done = call(*command)
        assert done.code == 0, done.err
        assert make_driver.uuid(0) in done.out


def test_apptainers_own_devices_leave_the_chosen(apptainer):
    one = apptainer("0", "--contain")
    assert clusters.has_driver(one) and one[clusters.GPU_1] == "ENOENT"
    both = apptainer("all", "--contain")
    assert clusters.has_driver(both) and both[clusters.GPU_1] == "ENXIO"


def test_apptainer_tells_why_there_is_no_container(apptainer):
    done = apptainer("7")
    assert done.code != 0
    assert "nvidia-container-cli: device error: unknown device '7': this host has " in done.err
