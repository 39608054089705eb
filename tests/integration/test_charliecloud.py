# SPDX-License-Identifier: Apache-2.0
"""Charliecloud, which copies the files that `nvidia-container-cli list` names into an image."""


import clusters
import container
import make_driver
import pages
import pytest
from conftest import need


@pytest.fixture
def image(bundle):
    return clusters.image_of_user(bundle)


@pytest.fixture
def call(programs, tmp_path):
    need("ch-fromhost", "ch-run")
    return clusters.Caller(programs, tmp_path)


def test_charliecloud_copies_the_driver_into_the_image(image, call):
    done = call("ch-fromhost", "--nvidia", image)
    assert done.code == 0, done.err
    assert clusters.has_driver(call("ch-run", image, "--", "/bin/look", *clusters.DRIVER))


def test_commands_of_the_page_work(image, call):
    for command in pages.commands("hpc.md", "charliecloud", IMAGE=image):
        done = call(*command)
        assert done.code == 0, done.err
    assert make_driver.uuid(0) in done.out


def test_charliecloud_tells_why_there_is_no_driver(image, call):
    before = container.listing(image)
    done = call("ch-fromhost", "--nvidia", image, setup="umount /proc/driver")
    assert done.code != 0
    assert "nvidia-container-cli: initialization error: " in done.err
    assert container.listing(image) == before
