# SPDX-License-Identifier: Apache-2.0
"""doc/troubleshooting.md's blocks `sh host`: on a host with the fault, a container is refused with
the line of the section, and the section's commands work and mend it."""

import re

import broken_hosts
import make_driver
import pages
import pytest

RUN = "docker run --rm --runtime=nvidia --env NVIDIA_VISIBLE_DEVICES=0 IMAGE nvidia-smi -L"


@pytest.fixture(scope="module")
def broken_machine(page_machine):
    page_machine.shell("grapnel configure docker; systemctl restart docker")
    broken_hosts.prepare(page_machine)
    return page_machine


@pytest.mark.parametrize("line", broken_hosts.commands())
def test_commands_of_a_section_mend_its_fault(broken_machine, line):
    machine, fault = broken_machine, broken_hosts.FAULTS[line]
    machine.shell(fault.make)
    try:
        refused = machine.run(RUN)
        expected = re.escape(line).replace(re.escape("..."), ".*")
        assert refused.returncode != 0
        assert re.search(f"grapnel-runtime: .*{expected}", refused.stderr), refused.stderr
        for command in broken_hosts.commands()[line]:
            done = machine.run(command)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
        after = machine.run(RUN)
        assert (after.returncode == 0) == fault.mended, after.stderr
        assert not fault.mended or make_driver.uuid(0) in after.stdout
    finally:
        machine.shell(fault.undo, check=False)
        machine.shell("rm -f /etc/grapnel/config.toml")
    assert machine.run(RUN).returncode == 0


def test_each_fault_has_a_section():
    assert broken_hosts.commands().keys() == broken_hosts.FAULTS.keys()
