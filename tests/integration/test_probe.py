# SPDX-License-Identifier: Apache-2.0
"""Requirements on brand and arch, by the driver's own library: asked only where nothing else
decides, without any right, for a bounded time, and once. A stand-in for the library answers."""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import stat
import subprocess
import termios
import time

import container
import make_driver
import pytest
from conftest import need, skip_or_fail

LIBRARY = pathlib.Path(f"/opt/nvidia/lib64/libnvidia-ml.so.{make_driver.VERSION}")
FACTS = pathlib.Path("/opt/nvidia/facts")
STATE = pathlib.Path("/run/grapnel/probe")
CAPABILITIES = pathlib.Path("/proc/driver/nvidia/capabilities")
PCI = pathlib.Path("/sys/bus/pci")
TESLA, GEFORCE = 2, 5
BRAND = "NVIDIA_REQUIRE_CUDA=brand=tesla,driver>=470"


@pytest.fixture(scope="module")
def probe(hook):
    built = hook.parent.parent / "probe" / "grapnel-probe"
    assert built.exists(), "grapnel-probe is not built"
    return built


@pytest.fixture(scope="module", autouse=True)
def stand_in(tmp_path_factory):
    """The library in the place of the simulated one."""
    saved = tmp_path_factory.mktemp("library") / "saved"
    shutil.copy(LIBRARY, saved)
    LIBRARY.unlink()
    container.compile_program("stand_in_nvml.c", LIBRARY, "-shared", "-fPIC", f'-DFACTS="{FACTS}"',
                              "-Wl,-soname,libnvidia-ml.so.1", "-Wno-format-truncation",
                              "-Wno-array-bounds")
    yield
    LIBRARY.unlink()
    shutil.copy(saved, LIBRARY)


@pytest.fixture(scope="module", autouse=True)
def bus():
    """The GPUs on the bus, bound to the driver; their device ID is of no chip that is known."""
    if not PCI.exists():
        skip_or_fail("this kernel has no PCI bus")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", PCI], check=True)
    (PCI / "drivers/nvidia").mkdir(parents=True)
    for index in range(2):
        bind(index)
        set_device_id(index, 0xfff0)
    yield
    subprocess.run(["umount", PCI], check=True)


def bind(index):
    link = PCI / "drivers/nvidia" / make_driver.pci(index)
    with contextlib.suppress(FileNotFoundError):
        link.unlink()
    link.symlink_to(f"../../../../devices/pci0000:00/{make_driver.pci(index)}")


def set_device_id(index, number):
    directory = PCI / "devices" / make_driver.pci(index)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "device").write_text(f"0x{number:04x}\n")


@pytest.fixture(autouse=True)
def nothing_is_known():
    yield
    for path in (STATE, "/run/grapnel/gpus", "/run/owned", "/tmp/owned", "/tmp/node"):
        pathlib.Path(path).unlink(missing_ok=True)


def facts(brands=(TESLA, TESLA), archs=((9, 0), (9, 0)), mig=(0, 0), more=""):
    lines = [f"gpu {index:x} {make_driver.uuid(index)} {make_driver.minor(index, 2)} {brands[index]} "
             f"{archs[index][0]} {archs[index][1]} {mig[index]}" for index in range(2)]
    FACTS.write_text("\n".join(lines) + "\n" + more)


@pytest.fixture
def asking(bundle, probe):
    """A bundle whose requirement only the driver's library can decide."""
    facts()
    bundle.set_settings(f'probe = "{probe}"\n')
    bundle.register("prestart", "poststop")
    return bundle.env("NVIDIA_VISIBLE_DEVICES=all", BRAND)


@pytest.fixture
def made(hand_made, asking):
    return hand_made(asking)


def outcome(done):
    return done.returncode, done.stdout, done.stderr


def test_a_brand_that_is_met_starts_the_container(engine, asking):
    result = engine(asking, "open:/dev/nvidia0", "load:libcuda.so.1")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia0"] == "ENXIO"


def test_a_brand_that_is_not_met_does_not(engine, asking):
    facts(brands=(TESLA, GEFORCE))
    result = engine(asking, "open:/dev/nvidia0")
    assert result.code != 0
    assert ("requirement 'brand=tesla,driver>=470' is not met by GPU 1 (0000:01:06.0): this host's "
            "driver 580.159.04 offers CUDA 13.0, the GPU is of brand GeForce: ask for another GPU, "
            "update the driver, or set NVIDIA_DISABLE_REQUIRE=1 to try all the same"
            ) in asking.logged()


def test_only_the_chosen_gpus_have_to_meet_it(made, asking):
    facts(brands=(TESLA, GEFORCE))
    asking.env("NVIDIA_VISIBLE_DEVICES=0", BRAND)
    assert outcome(made.hook()) == (0, "", "")


def test_an_arch_that_no_table_knows(made, asking):
    facts(archs=((13, 1), (13, 1)))
    asking.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_ARCH=arch>=13.1")
    assert outcome(made.hook()) == (0, "", "")
    asking.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_ARCH=arch>=13.2")
    assert "the GPU is of arch 13.1" in made.hook().stderr


def test_an_arch_by_its_device_id_asks_nobody(made, asking):
    asking.set_settings('probe = ""\n')
    asking.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_ARCH=arch=9.0")
    try:
        for index in range(2):
            set_device_id(index, 0x2335)
        assert outcome(made.hook()) == (0, "", "")
        assert "grapnel-probe" not in asking.logged(), "it was asked in vain"
    finally:
        for index in range(2):
            set_device_id(index, 0xfff0)


@pytest.mark.parametrize("requirement", ["cuda>=12.8 brand=unknown,driver>=535", "driver>=470",
                                         "brand=tesla,driver<470 cuda>=13.0"])
def test_what_the_kernel_decides_asks_nobody(made, asking, requirement):
    FACTS.write_text("crash\n")
    asking.env("NVIDIA_VISIBLE_DEVICES=all", f"NVIDIA_REQUIRE_CUDA={requirement}")
    assert outcome(made.hook()) == (0, "", "")
    assert not STATE.exists()
    assert "grapnel-probe" not in asking.logged(), "it was asked in vain"


def whole_calls(record):
    """Processes and their calls: strace splits the line of a call that another process interrupts."""
    found, begun = [], {}
    for process, call in (line.split(maxsplit=1) for line in record.splitlines()):
        if call.endswith(" <unfinished ...>"):
            begun[process] = len(found)
            found.append([process, call.removesuffix(" <unfinished ...>")])
        elif call.startswith("<... ") and process in begun:
            found[begun.pop(process)][1] += call.split(" resumed>", 1)[1]
        else:
            found.append([process, call])
    return found


def calls(made, tmp_path):
    """The system calls of the hook and of the child that works in the container, in order."""
    need("strace")
    record = tmp_path / "calls"
    done = made.hook(prefix=["strace", "-f", "-qq", "-o", record])
    assert done.returncode == 0, done.stderr
    traced = whole_calls(record.read_text())
    hook = traced[0][0]
    # the first can be of the helper process for kernel modules
    worker = [re.search(r"= (\d+)$", call)[1] for process, call in traced
              if process == hook and "clone" in call and "NEWUTS" not in call][-1]
    return [call for process, call in traced if process in (hook, worker)]


def first(lines, pattern):
    return next(number for number, line in enumerate(lines) if re.search(pattern, line))


def test_nothing_is_read_before_the_first_filter(made, asking, tmp_path):
    asking.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_CUDA=cuda>=12.8 brand=tesla")
    lines = calls(made, tmp_path)
    assert first(lines, "^seccomp") < first(lines, "^read\\(0,") < first(lines, "config.toml") \
        < first(lines, "config.json") < first(lines, '"/etc/ld.so.cache"')


def test_probe_ends_before_the_container_is_looked_at(made, tmp_path):
    lines = calls(made, tmp_path)
    assert first(lines, "^seccomp") < first(lines, "^clone.*NEWUTS") < first(
        lines, r'^openat\(AT_FDCWD, "/proc/[0-9]')


def test_the_answer_is_kept(made, asking):
    assert outcome(made.hook()) == (0, "", "")
    assert STATE.stat().st_mode & 0o7777 == 0o600
    assert "\ngpu\t0000:00:06.0\tbrand\tTesla\n" in STATE.read_text()
    FACTS.write_text("crash\n")
    assert outcome(made.hook()) == (0, "", "")


def test_grapnel_asks_the_library(asking, grapnel):
    """It is not confined as the hook is: the program that it starts is."""
    done = grapnel("info", env={**os.environ, "NVIDIA_CTK_CONFIG_FILE_PATH": str(asking.settings)})
    assert done.stderr == ""
    assert "\tbrand\tTesla\n" in STATE.read_text()


def test_a_dry_run_keeps_nothing(made):
    done = made.hook("--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert not STATE.exists()


def add_instance(inode_only=False):
    directory = CAPABILITIES / "gpu0/mig/gi1/ci0"
    if directory.exists():
        # procfs gives a directory that is made anew another time, and mostly another inode
        os.utime(directory) if inode_only else shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "access").write_text("DeviceFileMinor: 13\n")


@pytest.fixture
def instances():
    yield
    shutil.rmtree(CAPABILITIES / "gpu0", ignore_errors=True)


def damage():
    STATE.write_text(STATE.read_text().replace("Tesla", "Tes la"))


def cut():
    STATE.write_text(STATE.read_text()[:-10])


def another_boot():
    now = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    STATE.write_text(STATE.read_text().replace(now, now[::-1]))


@pytest.mark.parametrize("change", [lambda: bind(1), add_instance, damage, cut, another_boot],
                         ids=["bound anew", "a MIG instance", "damaged", "cut off", "another boot"])
def test_an_answer_to_other_facts_is_not_used(made, instances, change):
    assert outcome(made.hook()) == (0, "", "")
    facts(brands=(GEFORCE, GEFORCE))
    assert outcome(made.hook()) == (0, "", ""), "the answer was not kept"
    change()
    assert "is of brand GeForce" in made.hook().stderr
    assert "brand\tGeForce" in STATE.read_text()


@pytest.mark.parametrize("touched", [False, True], ids=["made anew", "with the same inode"])
def test_a_remade_mig_instance_is_another(made, instances, touched):
    add_instance()
    assert outcome(made.hook()) == (0, "", "")
    facts(brands=(GEFORCE, GEFORCE))
    assert outcome(made.hook()) == (0, "", ""), "the answer was not kept"
    time.sleep(0.02)
    add_instance(inode_only=touched)
    assert "is of brand GeForce" in made.hook().stderr


def test_mig_devices_are_told(probe):
    facts(mig=(1, 0), more="mig 0 0 1 0 MIG-a\nmig 0 3 2 1 MIG-b\n")
    done = subprocess.run([probe, LIBRARY], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.splitlines()[:3] == ["grapnel-probe 1", "driver\t580.159.04", "cuda\t13.0"]
    assert [line for line in done.stdout.splitlines() if "mig" in line] == [
        "gpu\t0000:00:06.0\tmig\t1", "mig\t0000:00:06.0\t0\t1\t0\tMIG-a",
        "mig\t0000:00:06.0\t3\t2\t1\tMIG-b", "gpu\t0000:01:06.0\tmig\t0"]


@pytest.fixture
def mig_devices():
    """GPU 0, of minor 1, cut into MIG devices."""
    made = []
    for capability, number in make_driver.mig_instances(1).items():
        gpu, rest = capability.split("/", 1)
        directory = CAPABILITIES / gpu / "mig" / rest
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "access").write_text(f"DeviceFileMinor: {number}\n")
        made.append(pathlib.Path(f"/dev/nvidia-caps/nvidia-cap{number}"))
        os.mknod(made[-1], 0o444 | stat.S_IFCHR, os.makedev(241, number))
    yield made
    shutil.rmtree(CAPABILITIES / "gpu1")
    for node in made:
        node.unlink()


MIG_FACTS = "mig 0 0 1 0 MIG-aaaa-b\nmig 0 1 1 1 MIG-cccc-d\nmig 0 2 2 0 MIG-eeee-f\n"


def test_a_mig_device_by_its_uuid(engine, asking, mig_devices):
    facts(mig=(1, 0), more=MIG_FACTS)
    asking.env("NVIDIA_VISIBLE_DEVICES=mig-CCCC-D")
    numbers = [make_driver.mig_minor(1, 1), make_driver.mig_minor(1, 1, 1)]
    result = engine(asking, "list:/dev/nvidia-caps", f"open:/dev/nvidia-caps/nvidia-cap{numbers[1]}",
                    "open:/dev/nvidia1", f"make:c:241:{make_driver.mig_minor(1, 2)}")
    assert result.code == 0, result.err
    assert sorted(result["list:/dev/nvidia-caps"].split()) == sorted(
        f"nvidia-cap{number}" for number in numbers)
    assert result[f"open:/dev/nvidia-caps/nvidia-cap{numbers[1]}"] == "ENXIO"
    assert result["open:/dev/nvidia1"] == "ENXIO"
    assert result[f"make:c:241:{make_driver.mig_minor(1, 2)}"] == "EPERM"


def test_a_mig_uuid_is_asked_for_once(made, asking, mig_devices):
    facts(mig=(1, 0), more=MIG_FACTS)
    asking.env("NVIDIA_VISIBLE_DEVICES=MIG-eeee-f")
    assert outcome(made.hook()) == (0, "", "")
    FACTS.write_text("crash\n")
    assert outcome(made.hook()) == (0, "", ""), "the answer was not kept"


def test_mig_devices_by_other_names_ask_nobody(made, asking, mig_devices):
    FACTS.write_text("crash\n")
    asking.env(f"NVIDIA_VISIBLE_DEVICES=0:1,MIG-{make_driver.uuid(0)}/2/0")
    assert outcome(made.hook()) == (0, "", "")
    assert not STATE.exists()


def test_a_mig_uuid_without_an_answer_says_why(made, asking, mig_devices):
    FACTS.write_text("crash\n")
    asking.env("NVIDIA_VISIBLE_DEVICES=MIG-cccc-d")
    error = made.hook().stderr
    assert "MIG UUIDs are known to the driver's library alone, and " in error
    assert "grapnel-probe" in error and "MIG 0:0, 0:1 and 0:2" in error


def test_a_mig_uuid_without_mig_asks_nobody(made, asking):
    FACTS.write_text("crash\n")
    asking.env("NVIDIA_VISIBLE_DEVICES=MIG-cccc-d")
    assert "unknown device 'MIG-cccc-d': this host has 0 (" in made.hook().stderr
    assert "grapnel-probe" not in asking.logged(), "it was asked in vain"


def test_a_sick_gpu_spares_the_others_facts(made, asking):
    facts(brands=(TESLA, -1), more="sick 1\n")
    asking.env("NVIDIA_VISIBLE_DEVICES=0", BRAND)
    assert outcome(made.hook()) == (0, "", "")
    assert not STATE.exists(), "an answer with holes was kept"
    asking.env("NVIDIA_VISIBLE_DEVICES=1", BRAND)
    done = made.hook()
    assert done.returncode == 1
    assert "cannot be decided for GPU 1 (0000:01:06.0)" in done.stderr
    assert "the GPU is of unknown brand" in done.stderr


def test_a_library_that_hangs_has_ten_seconds(made):
    FACTS.write_text("hang\n")
    start = time.monotonic()
    done = made.hook()
    assert 9 < time.monotonic() - start < 13
    assert done.returncode == 1
    assert "of unknown brand, because grapnel-probe took longer than 10 seconds: " in done.stderr
    assert done.stderr.count("\n") == 1
    assert comes_true(lambda: not running())


def running():
    """The processes that run the probe."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cmdline").read_bytes().split(b"\0")[0].endswith(b"/grapnel-probe"):
                found.append(int(process.name))
    return found


def comes_true(condition):
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_a_killed_hook_leaves_no_probe(made, asking):
    FACTS.write_text("hang\n")
    hook = subprocess.Popen([asking.hook, f"--config={asking.settings}", "prestart"],
                            stdin=subprocess.PIPE, env={})
    hook.stdin.write(made.state().encode())
    hook.stdin.close()
    assert comes_true(running)
    hook.kill()
    hook.wait(timeout=10)
    assert comes_true(lambda: not running())


def test_a_hook_killed_early_leaves_no_probe(made, asking, tmp_path):
    need("strace")
    FACTS.write_text("hang\n")
    before = running()
    record = tmp_path / "calls"
    slowly = ["strace", "-f", "-o", record, "-e", "inject=mount_setattr:delay_enter=1000000"]
    traced = subprocess.Popen([*slowly, asking.hook, f"--config={asking.settings}", "prestart"],
                              stdin=subprocess.PIPE, env={"PATH": os.environ["PATH"]})
    traced.stdin.write(made.state().encode())
    traced.stdin.close()
    # the child's number, in its parent's record; another process may have its line in between
    began = re.compile(r"^\d+ +clone\(.*NEWUTS.*(<unfinished [^$]*clone resumed>.*)? = \d+$", re.M)
    try:
        assert comes_true(lambda: record.exists() and began.search(record.read_text()))
        os.kill(int(record.read_text().split(" ", 1)[0]), signal.SIGKILL)
        assert comes_true(lambda: traced.poll() is not None)
        assert "execveat" not in record.read_text()
    finally:
        for left in set(running()).difference(before):
            os.kill(left, signal.SIGKILL)
        traced.wait(timeout=5)


@pytest.mark.parametrize("line, why", [
    ("crash", "grapnel-probe was ended by signal 11"),
    ("init 9", "grapnel-probe failed with status 1: 'grapnel-probe: nvmlInit_v2: Driver Not Loaded'"),
    ("flood", "grapnel-probe failed with status 1: 'grapnel-probe: stdout: cannot be written'"),
])
def test_a_failing_librarys_words_are_shown(made, line, why):
    FACTS.write_text(f"{line}\n")
    done = made.hook()
    assert done.returncode == 1
    assert (f"requirement 'brand=tesla,driver>=470' cannot be decided for GPU 0 (0000:00:06.0): this "
            f"host's driver 580.159.04 offers CUDA 13.0, the GPU is of unknown brand, because {why}: "
            "set NVIDIA_DISABLE_REQUIRE=1 if the image runs on it\n") in done.stderr
    assert done.stderr.count("\n") == 1
    assert not STATE.exists()


@pytest.mark.parametrize("settings, why", [
    ('probe = ""', "because grapnel-probe is turned off in the settings (probe = \"\")"),
    ('probe = "/nonexistent/grapnel-probe"',
     "because open /nonexistent/grapnel-probe: No such file or directory"),
    ('probe = "/etc/hostname"', "because hostname failed with status 125: 'execveat: "),
])
def test_a_probe_that_cannot_be_run_is_named(made, asking, settings, why):
    asking.set_settings(settings + "\n")
    done = made.hook()
    assert done.returncode == 1
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def reported():
    return re.findall(r"uuid\tGPU-(\S+)", STATE.read_text())


def test_the_library_has_no_rights(made):
    facts(more="report\n")
    assert outcome(made.hook()) == (0, "", "")
    identity, doings = reported()
    none = "0" * 16
    assert identity == f"65534/65534/none/prm/{none}/bnd/{none}/nnp/1/seccomp/2"
    # the device can be opened and asked: nothing is behind it here
    assert doings == ("run/EROFS/tmp/EROFS/mknod/ENOSYS/socket/ENOSYS/fork/ENOSYS/dev/ENXIO/"
                      "ioctl/ENOTTY/1/4/1")
    assert not pathlib.Path("/tmp/owned").exists()


@pytest.mark.parametrize("user, expected", [
    ("1234:55", "1234/55/none"), ("daemon", "1/1/none"), ("root:video", "65534/44/none"),
    ("4321", "4321/65534/none"),
])
def test_the_user_is_a_setting(made, asking, probe, user, expected):
    asking.set_settings(f'probe = "{probe}"\n[nvidia-container-cli]\nuser = "{user}"\n')
    facts(more="report\n")
    assert outcome(made.hook()) == (0, "", "")
    identity, doings = reported()
    none = "0" * 16
    assert identity == f"{expected}/prm/{none}/bnd/{none}/nnp/1/seccomp/2"
    assert doings.startswith("run/EROFS/tmp/EROFS/mknod/ENOSYS/")


def test_the_library_cannot_type_on_the_runtimes_terminal(made):
    facts(more="type\n")
    ours, theirs = pty.openpty()

    def control():
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    try:
        done = made.hook(start_new_session=True, preexec_fn=control)
        assert outcome(done) == (0, "", "")
        assert reported()[0] == "tty/ENXIO/type/EBADF"
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_user_that_is_not_there_is_named(made, asking, probe):
    asking.set_settings(f'probe = "{probe}"\n[nvidia-container-cli]\nuser = "nobody-of-that-name"\n')
    done = made.hook()
    assert done.returncode == 1
    assert "there is no user 'nobody-of-that-name' in /etc/passwd" in done.stderr


def test_the_hook_has_no_ioctl_behind_its_filter(made, asking):
    """What the probe needs and the hook does not stays out of the hook's filter."""
    source = pathlib.Path(__file__).parents[2] / "lib/confine/generate_filters.cpp"
    for name in ("reading", "changing", "attaching", "remounting", "describing"):
        body = re.search(rf"constexpr std::array {name}\{{(.*?)\}};", source.read_text(), re.S)[1]
        for call in ("ioctl", "socket"):
            assert f'"{call}"' not in body


# --- nvidia-container-cli info ---


def test_info_prints_what_the_library_says(cli, probe):
    facts(brands=(TESLA, GEFORCE), archs=((9, 0), (8, 9)))
    cli.set_settings(f'probe = "{probe}"\n')
    done = cli("info")
    assert (done.returncode, done.stderr) == (0, "")
    golden = pathlib.Path(__file__).parent / "golden"
    assert done.stdout == (golden / "info.txt").read_text()
    assert cli("info", "--csv").stdout == (golden / "info-csv.txt").read_text()


@pytest.fixture
def mig_directory():
    """Of a GPU that can have MIG devices: it is there whether MIG mode is on or off."""
    (CAPABILITIES / "gpu0/mig").mkdir(parents=True)
    yield
    shutil.rmtree(CAPABILITIES / "gpu0")


@pytest.mark.parametrize("mode", [0, 1], ids=["off", "on"])
def test_doctor_knows_the_mig_mode(grapnel, asking, mig_directory, mode):
    """And not from the probe cache, in which a change of the mode does not show."""
    index = next(index for index in range(2) if make_driver.minor(index, 2) == 0)
    environment = {**os.environ, "NVIDIA_CTK_CONFIG_FILE_PATH": str(asking.settings)}
    for current in (1 - mode, mode):
        facts(mig=[current if number == index else 0 for number in range(2)])
        done = subprocess.run([grapnel.program, "doctor", "--json"], env=environment,
                              capture_output=True, text=True, timeout=60, check=False)
    found = [finding for area in json.loads(done.stdout)["areas"] for finding in area["findings"]
             if finding["code"] == "GR0413"]
    assert [one["command"] for one in found] == [f"nvidia-smi mig -i {index} -cgi 0 -C"] * mode
