# SPDX-License-Identifier: Apache-2.0
"""Every refusal is one line that says what failed, why, and what to do about it."""

import os
import re
import pathlib
import subprocess

import container
import make_driver
import pytest
from conftest import need_cgroup, skip_or_fail

VERSION = make_driver.VERSION
KNOWN = (f"0 ({make_driver.uuid(0)}, {make_driver.pci(0)}) and "
         f"1 ({make_driver.uuid(1)}, {make_driver.pci(1)})")
USER = "nvidia-container-runtime"


def on_a_host_where(change):
    """A prefix for the hook: a copy of the host's mounts, changed by a shell command."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            f'{change} || exit 99; exec "$@"', "sh"]


@pytest.fixture
def refuse(hand_made, bundle):
    """Runs the hook for a container that asks for all GPUs; returns its line and asserts that
    nothing was done."""
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    made = hand_made(bundle)

    def run(*arguments, **options):
        before = (container.listing(bundle.root, without=()), made.mountinfo())
        done = made.hook(*arguments, env={"PATH": os.environ["PATH"]}, **options)
        assert done.returncode == 1, done
        assert done.stdout == ""
        assert done.stderr.startswith("grapnel-hook: ") and done.stderr.endswith("\n")
        assert done.stderr.count("\n") == 1
        assert (container.listing(bundle.root, without=()), made.mountinfo()) == before
        return done.stderr.removeprefix("grapnel-hook: ").removesuffix("\n")
    run.made = made
    return run


def test_a_driver_that_is_not_loaded(refuse):
    assert refuse(prefix=on_a_host_where("mount -t tmpfs none /proc/driver")) == (
        "the NVIDIA driver is not loaded (no /proc/driver/nvidia/version): "
        "run 'modprobe nvidia', or install the driver")


def test_libraries_of_another_version_than_the_kernel_module(refuse):
    change = "sed -i s/580.159.04/580.65.06/ /proc/driver/nvidia/version"
    back = "sed -i s/580.65.06/580.159.04/ /proc/driver/nvidia/version"
    subprocess.run(change, shell=True, check=True)
    try:
        line = refuse()
    finally:
        subprocess.run(back, shell=True, check=True)
    assert line == ("driver 580.65.06 is loaded but the libraries are 580.159.04: reboot, or "
                    "reload the nvidia module")


def test_libraries_that_are_not_there(refuse):
    line = refuse(prefix=on_a_host_where("mount -t tmpfs none /opt"))
    assert re.fullmatch(
        f"driver {VERSION} is loaded but its libraries .* were not found; "
        r"/etc/ld.so.cache is stale: it names /opt/nvidia/lib64/lib\S+, which is not there "
        r"\(run ldconfig\): install them, or name their directory in library-search-path", line)


@pytest.mark.parametrize("name", ["7", "GPU-00000000-0000-0000-0000-000000000000", "nonsense",
                                  "0000:09:00.0", "-1", "0x0", "0,9"])
def test_an_unknown_device_with_those_that_exist(refuse, bundle, name):
    bundle.env(f"NVIDIA_VISIBLE_DEVICES={name}")
    unknown = name.split(",")[-1]
    assert refuse() == f"unknown device '{unknown}': this host has {KNOWN}"


def test_a_mig_device(refuse, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=MIG-6df8bb41-bcfb-e198-a6df-649e812d9600")
    assert refuse() == (f"unknown device 'MIG-6df8bb41-bcfb-e198-a6df-649e812d9600': "
                        f"this host has {KNOWN}")


def test_a_requirement_that_is_not_met(refuse, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_CUDA=cuda>=13.1")
    assert refuse() == (
        f"requirement 'cuda>=13.1' is not met: this host's driver {VERSION} offers CUDA 13.0: "
        "update the driver, or set NVIDIA_DISABLE_REQUIRE=1 to try all the same")


def test_a_requirement_that_cannot_be_read(refuse, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_X=cuda==13")
    assert refuse() == (
        "NVIDIA_REQUIRE_X: 'cuda==13' compares with something that is not a version: a condition "
        "reads like cuda>=12.4, driver<580 or brand=tesla")


def test_an_unknown_driver_capability(refuse, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=utility,magic")
    assert refuse() == (
        "NVIDIA_DRIVER_CAPABILITIES: unknown driver capability 'magic': known are all, compat32, "
        "compute, display, graphics, ngx, utility and video")


def test_a_driver_capability_outside_the_settings(refuse, bundle):
    bundle.set_settings('supported-driver-capabilities = "utility,compute"\n')
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=video")
    assert refuse() == (
        "NVIDIA_DRIVER_CAPABILITIES: driver capability 'video' is not supported here: "
        "supported-driver-capabilities in the settings allows compute and utility")


def test_a_missing_node_has_a_command(refuse, bundle):
    bundle.set_settings("[nvidia-container-cli]\nload-kmods = false\n")
    hidden = on_a_host_where("umount -l /dev/pts; mkdir /opt/dev && cp -a /dev/. /opt/dev/ && "
                             "rm /opt/dev/nvidia1 && mount --rbind /opt/dev /dev")
    try:
        line = refuse(prefix=hidden)
    finally:
        subprocess.run(["rm", "-rf", "/opt/dev"], check=True)
    assert line == ("/dev/nvidia1 is missing: run 'nvidia-modprobe -u -c 1', or 'mknod -m 666 "
                    "/dev/nvidia1 c 195 1'")


@pytest.mark.parametrize("node, number", [("/dev/nvidia-uvm", None)])
def test_a_missing_module_has_a_command(refuse, tmp_path, node, number):
    devices = tmp_path / "devices"
    devices.write_text(make_driver.DEVICES.replace("238 nvidia-uvm\n", ""))
    gone = on_a_host_where(f"mount --bind {devices} /proc/devices; mount --bind /etc/passwd {node}")
    assert refuse(prefix=gone) == (
        "/dev/nvidia-uvm is missing, and no kernel module offers it: run 'nvidia-modprobe -u -c "
        "0', or 'modprobe nvidia-uvm'")


def test_a_node_with_the_wrong_number(refuse):
    wrong = on_a_host_where("mount --bind /dev/null /dev/nvidia0")
    assert refuse(prefix=wrong) == (
        "/dev/nvidia0 is device 1:3, but the driver's is 195:0: remove it and run "
        "'nvidia-modprobe -u -c 0'")


def test_a_sick_gpu_is_refused_by_name_alone(hand_made, refuse, bundle):
    sick = pathlib.Path("/proc/driver/nvidia/gpus") / make_driver.pci(0) / "information"
    healthy = sick.read_text()
    sick.write_text(healthy.replace("Device Minor", "Device Number"))
    try:
        done = refuse.made.hook()
        assert (done.returncode, done.stderr) == (0, "")
        assert "/dev/nvidia0" in refuse.made.mounts()
        assert "/dev/nvidia1" not in refuse.made.mounts()
        bundle.env("NVIDIA_VISIBLE_DEVICES=0")
        line = refuse()
    finally:
        sick.write_text(healthy)
    assert line == (f"GPU 0 ({make_driver.pci(0)}) cannot be given to a container: the driver "
                    "names no device minor for it: see the kernel's log (dmesg), or ask for another GPU")


def test_a_container_without_a_mount_namespace_by_hand(hand_made, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    done = hand_made(bundle, namespace=False, basis="").hook()
    assert done.returncode == 1
    assert done.stderr == (
        "grapnel-hook: the container has no mount namespace of its own: add {\"type\": \"mount\"} "
        "to linux.namespaces in config.json\n")
    assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts


@pytest.mark.parametrize("cgroup", ["v1", "v2"])
def test_a_container_without_a_mount_namespace_by_crun(bundle, cgroup):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    bundle.config["linux"]["namespaces"] = [{"type": "pid"}]
    bundle.config["mounts"] = []
    result = bundle.run("crun", cgroup)
    assert result.code != 0
    assert result.host_mounts[0] == result.host_mounts[1]
    assert not [place for place in container.listing(bundle.root) if "nvidia" in place]
    assert bundle.logged().endswith(
        f" {bundle.name} error: the container has no mount namespace of its own: add {{\"type\": "
        "\"mount\"} to linux.namespaces in config.json\n")


def test_a_root_file_system_that_is_not_there(refuse, bundle):
    bundle.config["root"]["path"] = "elsewhere"
    assert refuse() == (
        f"the root file system {bundle.directory}/elsewhere was not found in the mount namespace "
        f"of process {refuse.made.pid}: root.path in config.json must name it")


def test_a_root_file_system_that_is_not_mounted(refuse, bundle):
    bundle.config["root"]["path"] = "rootfs/usr"
    assert refuse() == (
        f"the root file system {bundle.directory}/rootfs/usr was not found mounted in the mount "
        f"namespace of process {refuse.made.pid}: root.path in config.json must name it")


def test_a_process_that_has_ended(refuse, bundle):
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert refuse(state=bundle.state(pid=ended.pid)) == (
        f"process {ended.pid} of the container has ended: the runtime gave up on the container: "
        "see its own error")


def test_a_state_without_a_process(refuse, bundle):
    assert refuse(state=bundle.state()) == (
        "the container's state on stdin names no process: the stages prestart and createRuntime "
        "come after 'create'")


CURE = "this program is an OCI hook: an OCI runtime starts it and writes the state"
STATES = {
    "no JSON": ("hello", "it is not valid JSON"),
    "cut off": ('{"id": "a", "bundle": "/b"', "it is not valid JSON"),
    "an array": ("[]", "it is not a JSON object"),
    "no ID": ('{"bundle": "/b"}', "'id' '' is not a container ID"),
    "an ID with a slash": ('{"id": "../x", "bundle": "/b"}', "'id' '../x' is not a container ID"),
    "an ID of dots": ('{"id": "..", "bundle": "/b"}', "'id' '..' is not a container ID"),
    "an ID that is a number": ('{"id": 5, "bundle": "/b"}', "'id' is not a string"),
    "a pid that is text": ('{"id": "a", "pid": "5", "bundle": "/b"}', "'pid' is not a process ID"),
    "a negative pid": ('{"id": "a", "pid": -5, "bundle": "/b"}', "'pid' is not a process ID"),
    "a large pid": ('{"id": "a", "pid": 4294967297, "bundle": "/b"}',
                    "'pid' is not a process ID"),
    "a pid with a fraction": ('{"id": "a", "pid": 1.5, "bundle": "/b"}',
                              "'pid' is not a process ID"),
    "no bundle": ('{"id": "a", "pid": 5}', "'bundle' is missing"),
    "a relative bundle": ('{"id": "a", "pid": 5, "bundle": "b"}',
                          "'bundle': path 'b' is not absolute"),
    "a bundle with dots": ('{"id": "a", "pid": 5, "bundle": "/b/../c"}',
                           "'bundle': path '/b/../c' holds '..'"),
    "a bundle with a NUL": ('{"id": "a", "pid": 5, "bundle": "/b\\u0000c"}',
                            "'bundle': path '/b\\x00c' holds a NUL byte"),
}


@pytest.mark.parametrize("state, cause", STATES.values(), ids=STATES.keys())
def test_a_malformed_state(refuse, state, cause):
    assert refuse(state=state) == f"the container's state on stdin: {cause}: {CURE}"


@pytest.mark.parametrize("depth", [1000, 400_000])
def test_a_state_of_nested_arrays(refuse, depth):
    line = refuse(state='{"id": "a", "bundle": "/b", "annotations": ' + "[" * depth)
    assert line == f"the container's state on stdin: it is not valid JSON: {CURE}"


def test_a_state_that_is_too_long(refuse):
    line = refuse(state='{"id": "' + "a" * (1 << 20) + '"}')
    assert line == "stdin is longer than 1048576 bytes"


CONFIGS = {
    "no JSON": ("{", "it is not valid JSON"),
    "an array": ("[]", "it is not a JSON object"),
    "no process": ('{"root": {"path": "rootfs"}}', "'process' is missing"),
    "no root": ('{"process": {}}', "'root.path' is missing"),
    "a root that is text": ('{"process": {}, "root": "rootfs"}', "'root' is not an object"),
    "env that is an object": ('{"process": {"env": {}}, "root": {"path": "rootfs"}}',
                              "process: 'env' is not an array"),
    "env of numbers": ('{"process": {"env": [1]}, "root": {"path": "rootfs"}}',
                       "process: 'env' is not an array of strings"),
    "a rule with a large major": (
        '{"process": {}, "root": {"path": "rootfs"}, "linux": {"resources": {"devices": '
        '[{"allow": true, "major": 4294967296}]}}}',
        "linux.resources.devices: 'major' is not a number of 32 bits"),
}


@pytest.mark.parametrize("config, cause", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_malformed_configuration_of_the_bundle(bundle, config, cause):
    (bundle.directory / "config.json").write_text(config)
    done = subprocess.run([bundle.hook, f"--config={bundle.settings}", "prestart"], env={},
                          input=bundle.state(pid=1), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"grapnel-hook: config.json: {cause}\n"


def test_a_bundle_without_a_configuration(refuse, bundle):
    line = refuse(state=bundle.state(pid=1, bundle="/nowhere"))
    assert line == ("the bundle: open /nowhere/config.json: No such file or directory: "
                    "it must hold the container's config.json")


def test_a_fifo_as_configuration_does_not_block(bundle):
    os.mkfifo(bundle.directory / "config.json")
    done = subprocess.run([bundle.hook, f"--config={bundle.settings}", "prestart"], env={},
                          input=bundle.state(pid=1), capture_output=True, text=True, timeout=10,
                          check=False)
    assert done.stderr == (f"grapnel-hook: the bundle: {bundle.directory}/config.json is not a "
                           "regular file: it must hold the container's config.json\n")


SETTINGS = {
    "an unknown key": ("ldcache = \"off\"\nldcashe = \"off\"\n",
                       "3: unknown key 'ldcashe': did you mean 'ldcache'? (see grapnel.toml(5))"),
    "an unknown key in a table": ("[nvidia-container-cli]\nno-cgroup = true\n",
                                  "3: unknown key 'nvidia-container-cli.no-cgroup': did you mean "
                                  "'nvidia-container-cli.no-cgroups'? (see grapnel.toml(5))"),
    "a wrong type": ("disable-require = \"no\"\n",
                     "2: disable-require: the value is not true or false"),
    "a wrong value": ("\n\nldcache = \"sometimes\"\n",
                      "4: ldcache: unknown ldcache 'sometimes': known are auto, ldconfig and off"),
    "the image's ldconfig": ("[nvidia-container-cli]\nldconfig = \"/sbin/ldconfig\"\n",
                             "3: nvidia-container-cli.ldconfig: ldconfig '/sbin/ldconfig' would "
                             "run a program of the image: write '@/sbin/ldconfig' for the host's"),
    "a relative path": ("library-search-path = [\"lib\"]\n",
                        "2: library-search-path: path 'lib' is not absolute"),
}


@pytest.mark.parametrize("text, cause", SETTINGS.values(), ids=SETTINGS.keys())
def test_a_mistake_in_the_settings_with_its_line(refuse, bundle, text, cause):
    bundle.set_settings(text)
    assert refuse() == f"{bundle.settings}:{cause}"


def test_settings_that_are_no_toml(refuse, bundle):
    bundle.set_settings("ldcache = off\n")
    assert refuse().startswith(f"{bundle.settings}:2: ")


def test_settings_that_are_not_there(refuse, bundle):
    bundle.settings = bundle.directory / "none.toml"
    assert refuse() == (f"settings: open {bundle.settings}: No such file or directory: make it, or "
                        "name a file that is there")


@pytest.mark.parametrize("make", ["mkdir", "mkfifo", "ln -s /nowhere/there"])
def test_settings_that_are_no_file(refuse, bundle, make):
    bundle.settings = bundle.directory / "other.toml"
    subprocess.run([*make.split(), bundle.settings], check=True)
    assert str(bundle.settings) in refuse(timeout=10)


@pytest.mark.parametrize("text", ["no-cgroup = true", "ldcache = 7", "=", "\xff", "x" * 70_000],
                         ids=range(5))
def test_settings_mistake_spares_container_without_request(hand_made, bundle, text):
    bundle.set_settings("")
    bundle.settings.write_bytes(bundle.settings.read_bytes() + text.encode("latin-1"))
    plain = hand_made(bundle).hook()
    assert (plain.returncode, plain.stderr) == (0, "")
    log = bundle.logged() or pathlib.Path("/var/log/grapnel.log").read_text(encoding="utf-8")
    assert " warning: " in log.splitlines()[-1] and str(bundle.settings) in log.splitlines()[-1]


def test_empty_standard_input_has_a_cure(hook):
    done = subprocess.run([hook, "prestart"], env={}, input="", capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("grapnel-hook: standard input is empty") and "echo" in done.stderr


def test_the_settings_file_that_a_variable_names(bundle, hand_made, tmp_path):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    made.hook()  # writes the bundle
    for variable, value, file in (
            ("NVIDIA_CTK_CONFIG_FILE_PATH", tmp_path / "named.toml", tmp_path / "named.toml"),
            ("XDG_CONFIG_HOME", tmp_path, tmp_path / USER / "config.toml")):
        file.parent.mkdir(exist_ok=True)
        file.write_text('disable-require = "no"\n')
        done = subprocess.run([bundle.hook, "--dry-run", "prestart"], input=made.state(),
                              env={variable: str(value)}, capture_output=True, text=True,
                              check=False)
        assert done.stderr.startswith(f"grapnel-hook: {file}:1: "), variable
        file.unlink()


def test_nvidias_file_may_have_unknown_keys(hand_made, bundle):
    directory = bundle.directory / USER
    directory.mkdir()
    bundle.settings = directory / "config.toml"
    bundle.settings.write_text("[nvidia-container-cli]\nsomething-new = true\n")
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all")).hook()
    assert (done.returncode, done.stderr) == (0, "")


USAGE = {
    "nothing": ([], "the stage is missing"),
    "an unknown stage": (["prestat"], "unknown stage 'prestat'"),
    "an unknown option": (["--verbose", "prestart"],
                          "unknown option '--verbose'"),
    "an option without its value": (["--config"],
                                    "'--config' needs a value"),
}


@pytest.mark.parametrize("arguments, cause", USAGE.values(), ids=USAGE.keys())
def test_a_wrong_command_line_has_a_hint(hook, arguments, cause):
    done = subprocess.run([hook, *arguments], env={}, input="", capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"grapnel-hook: {cause}: ") and done.stderr.count("\n") == 1
    assert "see 'grapnel-hook --help'" in done.stderr


@pytest.mark.parametrize("option", ["--help", "-help", "-h"])
def test_help_is_on_stdout_with_exit_code_0(hook, option):
    done = subprocess.run([hook, option], env={}, input="", capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: grapnel-hook ")


@pytest.mark.parametrize("option", ["--version", "-version"])
def test_version_is_one_line_on_stdout(hook, option):
    done = subprocess.run([hook, option], env={}, input="", capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("grapnel-hook ") and done.stdout.count("\n") == 1


def test_a_runtime_or_the_log_shows_the_line(engine, bundle):
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=9"))
    line = f"unknown device '9': this host has {KNOWN}"
    assert result.code != 0 and result.answers == {}
    assert f" {bundle.name} error: {line}\n" in bundle.logged()
    if engine.runtime == "runc":  # crun throws a hook's output away
        assert line in result.err


def test_an_unwritable_log_is_no_obstacle(hand_made, bundle):
    bundle.settings.write_text('log = "/proc/nowhere/log"\n')
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all")).hook()
    assert (done.returncode, done.stderr) == (0, "")


CALLS = ["pidfd_open", "openat2", "open_tree", "move_mount", "fsopen", "setns", "bpf",
         "memfd_create"]


@pytest.mark.parametrize("call", CALLS)
def test_a_denied_system_call_is_not_missing(bundle, hand_made, cgroups, tools, tmp_path, call):
    if call == "bpf" and not container.cgroup_version_possible("v2"):
        skip_or_fail("this kernel has no cgroup v2")
    # what uses fsopen first is the view of /proc/driver/nvidia
    setup = 'mount --bind /proc/driver "$ROOT/proc/driver"'
    cgroup = cgroups.make("v2", bundle.name) if call == "bpf" else None
    view = container.in_cgroup_view("v2", []) if call == "bpf" else []
    if call == "memfd_create":  # of a start that looks at the host
        view = container.inventory_cache_in(tmp_path / "cache", "ro")
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), cgroup=cgroup, setup=setup)
    before = (container.listing(bundle.root, without=()), made.mountinfo())
    done = made.hook(prefix=[*view, tools.deny_call, call])
    release = os.uname().release
    assert done.returncode == 1
    assert (f"the system call {call} is denied by a seccomp filter, or this kernel ({release}) is "
            "built without it: ") in done.stderr
    assert done.stderr.endswith(": allow it in the seccomp profile of the outer container, and "
                                "update its libseccomp\n")
    assert done.stderr.count("\n") == 1
    if call not in ("move_mount", "memfd_create"):  # by then mount points have been made: they are recorded
        assert (container.listing(bundle.root, without=()), made.mountinfo()) == before


def test_programs_in_memory_are_forbidden_by_a_sysctl(bundle, hand_made, tools):
    bundle.set_settings('ldcache = "ldconfig"\n')
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    done = made.hook(prefix=[tools.deny_call, "memfd_exec"])
    assert done.returncode == 1
    assert ("memfd_create 'grapnel-program': Permission denied: the sysctl vm.memfd_noexec forbids "
            "to run a program from memory: run 'sysctl vm.memfd_noexec=1', or set ldcache = \"off\"\n"
            ) in done.stderr


def test_a_stale_cache_starts_without_programs_in_memory(bundle, hand_made, tools):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    cache = bundle.root / "etc/ld.so.cache"
    cache.write_bytes(b"glibc-ld.so.cache1.1 damaged")
    done = made.hook(prefix=[tools.deny_call, "memfd_exec"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "run 'sysctl vm.memfd_noexec=1'" in bundle.logged()
    assert made.look("load:libcuda.so.1")["load:libcuda.so.1"].endswith(" libcuda")


DRIVERS_DIRECTORIES = ("usr/lib", "usr", "usr/lib/x86_64-linux-gnu", "usr/bin")


SPOILED = {
    "dangling": (lambda path: path.symlink_to("nowhere/at-all"),
                 "is a symbolic link to a directory that is not there: make its target in the "
                 "image, or remove the link"),
    "loop": (lambda path: path.symlink_to(path.name),
             "is a symbolic link to a directory that is not there: make its target in the image, "
             "or remove the link"),
    "file": (lambda path: path.write_text(""),
             "is not a directory: the driver's files lie there: make it a directory in the image"),
    "fifo": (os.mkfifo,
             "is not a directory: the driver's files lie there: make it a directory in the image"),
}


@pytest.mark.parametrize("kind", SPOILED)
@pytest.mark.parametrize("directory", DRIVERS_DIRECTORIES)
def test_a_spoiled_directory_of_the_image_is_named(bundle, hand_made, directory, kind):
    path = bundle.root / directory
    if path.exists() and not path.is_symlink():
        path.rename(bundle.root / "moved")
    else:
        path.unlink(missing_ok=True)
    make, fault = SPOILED[kind]
    make(path)
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all")).hook()
    assert (done.returncode, done.stderr) == (
        1, f"grapnel-hook: '/{directory}' in the root file system {fault}\n")


def test_no_right_to_mount_is_named(refuse):
    drop = ["capsh", "--drop=cap_sys_admin", "--", "-c", 'exec "$@"', "sh"]
    line = refuse(prefix=drop)
    assert line.startswith(
        f"open_tree /opt/nvidia/lib64/libcuda.so.{VERSION}: Operation not permitted: ")
    assert "CAP_SYS_ADMIN" in line


def test_no_right_to_look_at_processes_is_named(refuse):
    # a process with more capabilities than the hook cannot be looked at without CAP_SYS_PTRACE
    drop = ["capsh", "--drop=cap_sys_ptrace,cap_net_raw", "--", "-c", 'exec "$@"', "sh"]
    assert "CAP_SYS_PTRACE" in refuse(prefix=drop)


def test_no_right_to_change_device_programs_is_named(hand_made, bundle, cgroups, tools):
    need_cgroup("v2")
    cgroup = cgroups.make("v2", bundle.name)
    subprocess.run([tools.device_programs, "attach", cgroup, "deny"], check=True)
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), cgroup=cgroup)
    denied = [*container.in_cgroup_view("v2", []), "strace", "-f", "-o", "/dev/null", "-e",
              "trace=bpf", "-e", "inject=bpf:error=EPERM"]
    done = made.hook(prefix=denied)
    assert done.returncode == 1
    assert done.stderr == (
        f"grapnel-hook: allow devices in the cgroup {cgroup}: bpf (list the device programs): "
        "Operation not permitted: give the hook CAP_SYS_ADMIN and CAP_NET_ADMIN, or set "
        "no-cgroups = true if the container's devices are allowed in another way\n")


@pytest.mark.parametrize("error", ["EIO", "ENODEV"])
def test_gpu_that_does_not_answer_is_left_out(refuse, bundle, error):
    sick = f"/proc/driver/nvidia/gpus/{make_driver.pci(0)}/information"
    fails = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", sick, "-e", "trace=read", "-e",
             f"inject=read:error={error}"]
    done = refuse.made.hook(prefix=fails)
    assert (done.returncode, done.stderr) == (0, "")
    assert "/dev/nvidia0" in refuse.made.mounts()
    assert "/dev/nvidia1" not in refuse.made.mounts()
    assert f"GPU {make_driver.pci(0)} cannot be given to a container: read {sick}" in bundle.logged()
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    assert refuse(prefix=fails).startswith(f"GPU 0 ({make_driver.pci(0)}) cannot be given")


def test_gpu_that_answers_late_is_given(refuse):
    sick = f"/proc/driver/nvidia/gpus/{make_driver.pci(0)}/information"
    done = refuse.made.hook(prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-P", sick, "-e",
                                    "trace=read", "-e", "inject=read:error=EIO:when=1"])
    assert (done.returncode, done.stderr) == (0, "")
    assert {"/dev/nvidia0", "/dev/nvidia1"} <= set(refuse.made.mounts())
