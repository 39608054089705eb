# SPDX-License-Identifier: Apache-2.0
"""Kernel modules that are not loaded: the system's modprobe is asked for them. No real one is run:
a program that only writes down how it was started, and shows what the kernel would show, lies in
its place in a mount namespace of the hook's own."""

import os
import pathlib
import subprocess

import make_driver
import pytest

UVM = "238 nvidia-uvm\n"
GPU = {"vendor": "0x10de\n", "class": "0x030200\n"}

MODPROBE = """#!/bin/sh
{ echo "$0 $*"; env; grep -E 'Cap(Prm|Bnd)' /proc/self/status; } >>DIRECTORY/started
REST
"""


class Modules:
    """A host on which modprobe is run; `rest` is shell that modprobe ends with."""

    def __init__(self, directory):
        self.directory = directory
        self.pci = directory / "pci"
        self.devices = directory / "devices"
        self.nvidia = directory / "nvidia"
        self.started = directory / "started"
        self.pci.mkdir(parents=True)
        self.devices.write_text(make_driver.DEVICES)
        self.add_pci("10000:01:00.0", GPU)
        self.hide = ":"
        self.program()

    def add_pci(self, address, files):
        (self.pci / address).mkdir()
        for name, text in files.items():
            (self.pci / address / name).write_text(text)

    def program(self, rest=":", mode=0o755):
        sbin = self.directory / "sbin"
        sbin.mkdir(exist_ok=True)
        modprobe = sbin / "modprobe"
        modprobe.write_text(MODPROBE.replace("DIRECTORY", str(self.directory))
                            .replace("REST", rest))
        modprobe.chmod(mode)

    def without_uvm(self):
        self.devices.write_text(make_driver.DEVICES.replace(UVM, ""))
        return self

    @property
    def loads_uvm(self):
        return f"echo '{make_driver.DEVICES}' >{self.devices}"

    def prefix(self):
        script = (f"mount --bind {self.pci} /sys/bus/pci/devices && "
                  f"mount --bind {self.devices} /proc/devices && cp /sbin/ldconfig* "
                  f"{self.directory}/sbin && mount --bind {self.directory}/sbin /usr/sbin && "
                  f'{{ {self.hide}; }} && PATH=/usr/bin && exec "$@"')
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]

    def runs(self):
        if not self.started.exists():
            return []
        return [line.split(" ", 1)[1] for line in self.started.read_text().splitlines()
                if line.startswith("/")]


@pytest.fixture
def modules(tmp_path):
    return Modules(tmp_path / "modules")


@pytest.fixture
def start(hand_made, bundle, modules):
    """Runs the hook; returns its process, with the container as `made`."""
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    made = hand_made(bundle)

    def run(*arguments, **options):
        done = made.hook(*arguments, prefix=modules.prefix(), env={"PATH": os.environ["PATH"],
                                                                   "LD_PRELOAD_TEST": "1"},
                         **options)
        done.made = made
        return done
    return run


def test_a_missing_module_is_loaded_once(start, modules):
    modules.without_uvm().program(modules.loads_uvm)
    done = start()
    assert (done.returncode, done.stderr) == (0, "")
    assert "/dev/nvidia-uvm" in done.made.mounts()
    assert modules.runs() == ["nvidia-uvm"]
    lines = modules.started.read_text().splitlines()
    names = {line.split("=")[0] for line in lines if "=" in line}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH"}  # the others are the shell's own
    assert "CapPrm:\t0000000000010000" in lines  # CAP_SYS_MODULE
    # what is there is not asked for again
    assert start().returncode == 0
    assert modules.runs() == ["nvidia-uvm"]


def test_the_driver_itself_is_loaded(start, modules):
    modules.hide = (f"cp -a /proc/driver/nvidia {modules.nvidia} && "
                    "mount -t tmpfs tmpfs /proc/driver")
    modules.program(f'[ "$1" = nvidia ] && cp -a {modules.nvidia} /proc/driver/')
    done = start()
    assert (done.returncode, done.stderr) == (0, "")
    assert modules.runs() == ["nvidia"]


def test_where_nothing_is_missing_modprobe_is_not_run(start, modules):
    assert start().returncode == 0
    assert modules.runs() == []


def test_a_dry_run_names_modules_without_loading(start, modules):
    modules.without_uvm()
    done = start("--dry-run")
    assert (done.returncode, done.stdout) == (1, "")
    assert "a start would load nvidia-uvm: /dev/nvidia-uvm is there, but no kernel" in done.stderr
    assert modules.runs() == []


def test_a_failed_module_has_modprobes_last_words(start, modules):
    modules.without_uvm().program("echo 'FATAL: Module nvidia-uvm not found.' >&2; exit 1")
    done = start()
    assert done.returncode == 1
    assert ("modprobe nvidia-uvm failed with status 1: 'FATAL: Module nvidia-uvm not found.': "
            "/dev/nvidia-uvm is there, but no kernel module offers it") in done.stderr


def test_what_counts_is_what_the_kernel_shows(start, modules):
    modules.without_uvm().program(modules.loads_uvm + "; exit 1")
    assert start().returncode == 0
    assert modules.runs() == ["nvidia-uvm"]


def test_an_unneeded_module_is_not_loaded(start, modules, bundle):
    modules.without_uvm()
    bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=utility")
    assert start().returncode == 0
    assert modules.runs() == []


def test_an_optional_module_stops_no_container(start, modules, bundle):
    modules.program("echo 'no such module' >&2; exit 1")
    bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=display")
    done = start()
    assert (done.returncode, done.stderr) == (0, "")
    assert modules.runs() == ["nvidia-modeset"]
    assert "modprobe nvidia-modeset failed with status 1: 'no such module'" in bundle.logged()


@pytest.mark.parametrize("files", [
    {"vendor": "0x10de\n", "class": "0x040300\n"},
    {"vendor": "0x8086\n", "class": "0x030000\n"},
    {},
])
def test_without_a_gpu_nothing_is_loaded(start, modules, files):
    modules.without_uvm().program(modules.loads_uvm)
    subprocess.run(["rm", "-rf", modules.pci / "10000:01:00.0"], check=True)
    modules.add_pci("0000:01:00.0", files)
    assert start().returncode == 1
    assert modules.runs() == []


def test_an_unreadable_device_does_not_end_the_search(start, modules):
    modules.without_uvm().program(modules.loads_uvm)
    modules.add_pci("0000:00:00.0", {"class": "0x030000\n"})
    (modules.pci / "0000:00:00.0" / "vendor").mkdir()
    assert start().returncode == 0
    assert modules.runs() == ["nvidia-uvm"]


def test_nothing_is_loaded_where_the_settings_say_so(start, modules, bundle):
    modules.without_uvm().program(modules.loads_uvm)
    bundle.set_settings("[nvidia-container-cli]\nload-kmods = false\n")
    assert start().returncode == 1
    assert modules.runs() == []


def test_a_driver_root_loads_nothing(start, modules, bundle, tmp_path):
    modules.without_uvm().program(modules.loads_uvm)
    bundle.set_settings(f'[nvidia-container-cli]\nroot = "{tmp_path}"\n')
    assert start().returncode == 1
    assert modules.runs() == []


def test_nothing_is_loaded_in_a_user_namespace(modules, start, bundle):
    modules.without_uvm().program(modules.loads_uvm)
    prefix = modules.prefix
    modules.prefix = lambda: [*prefix(), "unshare", "--user", "--map-root-user", "--"]
    assert start().returncode == 1
    assert modules.runs() == []


def test_a_program_writable_by_others_is_not_run(start, modules):
    modules.without_uvm().program(modules.loads_uvm, mode=0o777)
    done = start()
    assert done.returncode == 1
    assert "/sbin/modprobe is not run: others than root can change it" in done.stderr
    assert modules.runs() == []


@pytest.mark.parametrize("is_there", [True, False])
def test_helper_process_is_started_only_where_modprobe_is(start, modules, bundle, tmp_path, is_there):
    bundle.env()  # no GPU: there is no other process
    if not is_there:
        (modules.directory / "sbin" / "modprobe").unlink()
    trace = tmp_path / "trace"
    prefix = modules.prefix
    modules.prefix = lambda: [*prefix(), "/usr/bin/strace", "-f", "-qq", "-e", "trace=clone", "-o", str(trace)]
    done = start()
    assert (done.returncode, done.stderr) == (0, "")
    assert trace.read_text().count("clone(") == is_there


def test_missing_modprobe_is_the_reason_in_the_error(start, modules):
    modules.without_uvm()
    (modules.directory / "sbin" / "modprobe").unlink()
    done = start()
    assert done.returncode == 1
    assert "open /sbin/modprobe: No such file or directory" in done.stderr


def test_the_program_that_the_kernel_names_is_run(start, modules, tmp_path):
    modules.without_uvm().program(modules.loads_uvm)
    other = tmp_path / "other-modprobe"
    (modules.directory / "sbin" / "modprobe").rename(other)
    kernel = tmp_path / "kernel"  # a kernel without modules of its own has no such file
    for name in ("random/boot_id", "osrelease", "cap_last_cap"):
        (kernel / name).parent.mkdir(parents=True, exist_ok=True)
        (kernel / name).write_text(pathlib.Path("/proc/sys/kernel", name).read_text())
    (kernel / "modprobe").write_text(f"{other}\n")
    modules.hide = f"mount --bind {kernel} /proc/sys/kernel"
    done = start()
    assert (done.returncode, done.stderr) == (0, "")
    assert modules.runs() == ["nvidia-uvm"]
