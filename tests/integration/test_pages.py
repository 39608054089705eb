# SPDX-License-Identifier: Apache-2.0
"""README.md and the pages of doc/: their commands work as they stand there, in their order."""

import json
import re
import tomllib

import make_driver
import pages
import pytest
import yaml
from conftest import need
from engines import lxc as lxc_engine

PAGES = {page.name: page for page in pages.pages()}
ON_THE_MACHINE = {name: [block for block in pages.blocks(page)
                         if block.language == "sh" and block.place in ("", "user")]
                  for name, page in PAGES.items()}


CONTAINER_OF_A_POD = (
    "ctr --namespace k8s.io run --detach --cpu-shares 0 --env NVIDIA_VISIBLE_DEVICES=0 "
    "--runc-binary /usr/local/bin/nvidia-container-runtime IMAGE ID sleep 1000")
AFTER_DOCKERS_PAGE = {"requests.md", "troubleshooting.md"}  # their containers use the runtime


@pytest.fixture
def bundle_of_the_page(page_machine, bundle):
    """The BUNDLE of pages: a container that asks for GPU 0 and lists it."""
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.config["hooks"] = {}
    bundle.config["process"]["args"] = ["nvidia-smi", "-L"]
    bundle.config["root"]["path"] = str(bundle.root)
    bundle.config["linux"]["cgroupsPath"] = f"system.slice:oci:{bundle.name}"
    bundle.write_config(["nvidia-smi", "-L"])
    page_machine.environment["BUNDLE"] = str(bundle.directory)
    return bundle


def listed_gpus(output):
    return re.findall(r"^GPU \d+: .*\(UUID: (GPU-[^)]+)\)$", output, re.M)


def check(machine, command, place):
    done = machine.run_as_user(command) if place == "user" else machine.run(command)
    findings = {3, 4} if command.startswith("grapnel doctor") else set()
    assert done.returncode in {0, *findings}, (command, done.stdout, done.stderr, machine.log("docker"),
                                  machine.shell("cat /var/log/grapnel.log", check=False).stdout)
    if " nvidia-smi -L" in command:
        everything = re.search(r"=all\b|--gpus all|0,1|gpu=1\b", command) is not None
        expected = [make_driver.uuid(index) for index in range(2 if everything else 1)]
        assert listed_gpus(done.stdout) == expected, (command, done.stdout)


@pytest.mark.parametrize("name", [name for name, blocks in ON_THE_MACHINE.items() if blocks])
def test_commands_of_a_page_work(page_machine, bundle_of_the_page, name):
    machine = page_machine
    machine.configure_engines()
    if name in AFTER_DOCKERS_PAGE:
        machine.shell("grapnel configure docker")
    machine.shell("systemctl restart docker containerd")
    if name == "kubernetes.md":
        machine.run(CONTAINER_OF_A_POD)
    for block in ON_THE_MACHINE[name]:
        for command in block.commands():
            check(machine, command, block.place)


def test_configuration_of_lxc_page_works(bundle, tmp_path, programs):
    need("lxc-start")
    request, = (block.text for block in pages.blocks(PAGES["lxc.md"]) if block.language == "lxc")
    lxc = lxc_engine.Lxc(bundle, programs, tmp_path)
    done = lxc("nvidia-smi", "-L", request=request)
    lxc.end()
    assert done.code == 0, done.err + done.log
    assert listed_gpus(done.out) == [make_driver.uuid(0)]


OTHER_PROGRAMS = {  # lines of engines, of CUDA and of the kernel
    'exec: "nvidia-smi": executable file not found in $PATH', "CUDA driver version is insufficient",
    "no CUDA-capable device is detected", "Failed to initialize NVML: Unknown Error",
    "Failed to initialize NVML: Driver/library version mismatch",
    'could not select device driver "" with capabilities: [[gpu]]',
    "unknown or invalid runtime name: nvidia", "Unknown runtime specified nvidia",
    'no runtime for "nvidia" is configured', "Permission denied", "Read-only file system",
    'error mounting "proc" to rootfs at "/proc"', "/dev/nvidia0"}


def sentences_of_grapnel():
    """Golden errors and warnings, and the sources with their split strings joined."""
    cases = pages.TOP / "tests/scenario/cases"
    golden = [path.read_text() for name in ("error.txt", "remarks.txt") for path in cases.rglob(name)]
    sources = [re.sub(r'"\s*\n?\s*\+?\s*"', "", path.read_text())
               for directory in ("lib", "hook", "runtime")
               for path in (pages.TOP / directory).rglob("*.cpp")]
    return "\n".join(golden + sources)


def test_symptoms_are_lines_of_grapnel():
    known = sentences_of_grapnel()
    for heading in re.findall(r"^### (.*)$", PAGES["troubleshooting.md"].read_text(), re.M):
        for line in set(re.findall(r"`([^`]+)`", heading)) - OTHER_PROGRAMS:
            for part in re.split(r"\.\.\.", line):
                assert part.strip(" '():") in known, f"no line of Grapnel's: {line}"


def test_every_command_is_run_by_a_test():
    for page in PAGES.values():
        for block in pages.blocks(page):
            if block.language == "sh":
                runner = pages.TOP / "tests" / pages.RUN_BY[block.place]
                assert block.place in runner.read_text(), f"{page.name}:{block.line}"


def test_links_between_pages_lead_somewhere():
    for page in PAGES.values():
        for link, anchor in re.findall(r"\]\(([^)#:]*)(#[^)]*)?\)", page.read_text()):
            target = page.parent / link if link else page
            assert target.exists(), f"{page.name}: {link}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", target.read_text(), re.M)
                anchors = {"#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
                           for heading in headings}
                assert anchor in anchors, f"{page.name}: {link}{anchor}"


def test_configuration_in_pages_parses():
    parse = {"toml": tomllib.loads, "json": json.loads, "yaml": yaml.safe_load}
    for page in PAGES.values():
        for block in pages.blocks(page):
            if block.language in parse:
                parse[block.language](block.text)


@pytest.mark.parametrize("block", [
    pytest.param(block, id=f"{name}-{block.line}") for name, page in PAGES.items()
    for block in pages.blocks(page)
    if block.language == "toml" and block.text.startswith("# /etc/grapnel/config.toml")])
def test_settings_in_pages_are_known(bundle, block):
    bundle.set_settings(block.text)
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    done = bundle.call_hook("prestart", "--dry-run")
    assert "unknown key" not in done.stderr and "is not a" not in done.stderr, done.stderr
