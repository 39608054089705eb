# SPDX-License-Identifier: Apache-2.0
"""nvidia-container-cli: configure by a process, list and info."""

import pathlib
import shutil
import subprocess

import container
import container_cli
import make_driver
import pytest
from conftest import need_cgroup, skip_or_fail

VERSION = make_driver.VERSION
INITIAL_MOUNT_NAMESPACES = (0xEFFFFFF8, 0xF0000000, 0xF0000001)
GOLDEN = pathlib.Path(__file__).parent / "golden"


def ended_well(done):
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def refusal(done):
    assert done.returncode == 1 and done.stdout == "", done
    line = done.stderr
    assert line.startswith("nvidia-container-cli: ") and line.count("\n") == 1, line
    return line


@pytest.fixture
def made(bundle, hand_made):
    return hand_made(bundle)


# --- configure ---


def test_a_container_gets_what_the_command_line_names(made, cli):
    ended_well(cli.configure(made, "--device=1", "--compute", "--utility", "--no-cgroups",
                             "--ldconfig=@/sbin/ldconfig"))
    look = made.look("load:libcuda.so.1", "stat:/dev/nvidia0", "stat:/dev/nvidia1",
                     "stat:/dev/nvidia-uvm", "stat:/usr/bin/nvidia-smi",
                     "stat:/dev/nvidia-modeset")
    assert look["load:libcuda.so.1"].endswith(f"libcuda.so.{VERSION} libcuda")
    assert look["stat:/dev/nvidia0"] != "ENOENT"
    assert look["stat:/dev/nvidia1"] == look["stat:/dev/nvidia-modeset"] == "ENOENT"
    assert look["stat:/dev/nvidia-uvm"] != "ENOENT"
    assert look["stat:/usr/bin/nvidia-smi"] != "ENOENT"


def test_the_log_is_the_hosts_not_the_containers(bundle, hand_made, cli, tmp_path):
    """The process can have pivoted into the image's own tree, where the path leads elsewhere."""
    logs = tmp_path / "logs"
    logs.mkdir()
    cli.settings.write_text(f'log = "{logs}/cli.log"\n')
    (bundle.root / "etc/ld.so.cache").unlink()
    (bundle.root / "etc/ld.so.cache").mkdir()  # of which there will be a remark
    made = hand_made(bundle, setup=f'mount -t tmpfs tmpfs "{logs}"')
    ended_well(cli.configure(made, "--device=0", "--utility", "--no-cgroups"))
    assert "ld.so.cache stays as it is" in (logs / "cli.log").read_text()
    assert list(pathlib.Path(f"/proc/{made.pid}/root{logs}").iterdir()) == []


def test_without_capabilities_nodes_and_firmware_remain(made, cli):
    ended_well(cli.configure(made, "--device=0", "--no-cgroups"))
    places = {place for place in made.mounts() if place.startswith(("/dev/", "/usr", "/lib"))}
    assert places == {"/dev/nvidiactl", "/dev/nvidia1",
                      f"/usr/lib/firmware/nvidia/{VERSION}/gsp_ga10x.bin"}
    # nothing for the loader to find
    assert "libcuda" not in (made.bundle.root / "etc/ld.so.cache").read_bytes().decode("latin-1")


def test_unwanted_parts_are_left_out(made, cli, listening_socket):
    pathlib.Path("/run/nvidia-fabricmanager").mkdir(exist_ok=True)
    for daemon in ("persistenced", "fabricmanager"):
        listening_socket(f"/run/nvidia-{daemon}/socket")
    ended_well(cli.configure(made, "--device=0", "--utility", "--no-cgroups", "--no-gsp-firmware",
                             "--no-persistenced", "--no-devbind"))
    places = made.mounts()
    assert not [place for place in places if "firmware" in place or place.startswith("/dev/nvid")]
    assert "/run/nvidia-fabricmanager/socket" in places
    assert "/run/nvidia-persistenced/socket" not in places


def test_the_container_can_be_configured_again(made, cli):
    for _ in range(2):
        ended_well(cli.configure(made, "--device=all", "--utility", "--no-cgroups"))
    assert len([line for line in made.mountinfo().splitlines() if "nvidia-smi" in line]) == 1


def test_nothing_is_recorded_that_nobody_would_remove(made, cli):
    ended_well(cli.configure(made, "--device=0", "--utility", "--no-cgroups"))
    assert list(pathlib.Path("/run/grapnel/containers").glob("*")) == []
    assert (made.bundle.root / "usr/bin/nvidia-smi").exists()


def test_a_shared_cgroup_is_not_changed(made, cli, cgroups):
    need_cgroup("v1")
    cgroup = cgroups.make("v1", "container-cli")
    (cgroup / "cgroup.procs").write_text(str(made.pid))
    (cgroup / "devices.deny").write_text("a")
    beside = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', cgroup / "cgroup.procs"]
    line = refusal(cli.configure(made, "--device=0", "--utility", prefix=beside))
    assert "mount error: " in line and "other containers share it" in line
    assert (cgroup / "devices.list").read_text() == ""
    ended_well(cli.configure(made, "--device=0", "--utility"))
    assert "c 195:1 rw" in (cgroup / "devices.list").read_text()


@pytest.fixture
def denying_cgroup(cgroups, tools):
    """Of version 2, with a program that denies NVIDIA's devices."""
    need_cgroup("v2")
    cgroup = cgroups.make("v2", "container-cli/lowest")
    subprocess.run([tools.device_programs, "attach", cgroup, "deny-195"], check=True)
    return cgroup


def test_the_containers_cgroup_of_version_2_is_lowest(bundle, hand_made, cli, denying_cgroup):
    made = hand_made(bundle, cgroup=denying_cgroup)
    ended_well(cli.configure(made, "--device=0", "--utility",
                             prefix=container.in_cgroup_view("v2", [])))
    look = made.look("make:c:195:1", "make:c:195:0", cgroup=denying_cgroup)
    assert (look["make:c:195:1"], look["make:c:195:0"]) == ("ENXIO", "EPERM")


def test_a_blinded_device_program_is_extended(bundle, hand_made, cli, hardened, denying_cgroup):
    made = hand_made(bundle, cgroup=denying_cgroup)
    ended_well(cli.configure(made, "--device=0", "--utility",
                             prefix=container.in_cgroup_view("v2", [])))
    look = made.look("make:c:195:1", "make:c:195:0", cgroup=denying_cgroup)
    assert (look["make:c:195:1"], look["make:c:195:0"]) == ("ENXIO", "EPERM")


def test_an_unreadable_device_program_is_an_error(bundle, hand_made, cli,
                                                  hidden_programs, denying_cgroup):
    made = hand_made(bundle, cgroup=denying_cgroup)
    line = refusal(cli.configure(made, "--device=0", "--utility",
                                 prefix=container.in_cgroup_view("v2", [])))
    assert "mount error: " in line and "bpf_jit_harden" in line and "--no-cgroups" in line


@pytest.mark.parametrize("less, opened", [((), "ENXIO"), (("--no-cgroups",), "EPERM"),
                                          (("--no-devbind",), "ENOENT")])
def test_containerds_hook_calls_it(engine, bundle, cli, less, opened):
    bundle.config["hooks"] = {}
    bundle.add_hook("prestart", "/usr/bin/containerd", "oci-hook", "--", cli.program,
                    "--load-kmods", "configure", "--device=0", *container_cli.CALLED_BY_CTR, *less,
                    "--pid={{pid}}", "{{rootfs}}")
    result = engine(bundle, "open:/dev/nvidia1", "open:/dev/nvidiactl", "open:/dev/nvidia0",
                    "make:c:195:1", "make:c:195:0", "load:libcuda.so.1")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia1"] == result["open:/dev/nvidiactl"] == opened
    assert result["open:/dev/nvidia0"] == "ENOENT"
    assert result["load:libcuda.so.1"].endswith(f"libcuda.so.{VERSION} libcuda")


# --- refusals, by the words that callers look for ---


@pytest.mark.parametrize("words, beginning", [
    (["--device=7", "--utility"], "device error: unknown device '7'"),
    (["--device=none", "--utility"], "device error: unknown device 'none'"),
    (["--require=cuda>=99"], "requirement error: unsatisfied condition: requirement 'cuda>=99'"),
    (["--require=cuda"], "requirement error: invalid expression: "),
    (["--mig-config=1"], "mig-config error: unknown device '1'"),
    (["--mig-config=all"], "mig-config error: "),
    (["--mig-monitor=all"], "mig-monitor error: "),
    (["--imex-channel=x"], "error parsing IMEX info: "),
    (["--ldconfig=/sbin/ldconfig"], "input error: --ldconfig"),
    (["--cuda-compat-mode=x"], "input error: "),
])
def test_an_error_begins_with_its_class(made, cli, words, beginning):
    line = refusal(cli.configure(made, "--no-cgroups", *words))
    assert line.startswith("nvidia-container-cli: " + beginning)


@pytest.mark.parametrize("user", ["nosuch", "0:nosuch", "0:0:0", ":", "0:", "-1", "4294967295:x"])
def test_a_missing_user_is_an_input_error(cli, user):
    for command in ("list", "info"):
        line = refusal(cli(f"--user={user}", command))
        assert line.startswith(f"nvidia-container-cli: input error: --user='{user}': there is no ")
        assert line.endswith("--user=UID[:GID]\n")


@pytest.mark.parametrize("user", ["", "0", "65534:65534", "root:root", "54321", "54321:54321"])
def test_a_user_that_is_there_is_taken(cli, user):
    assert "/dev/nvidiactl\n" in ended_well(cli(f"--user={user}", "list"))


def test_a_directory_that_is_no_root_file_system(made, cli, tmp_path):
    for rootfs in ("/", "//", "relative"):
        assert "input error: " in refusal(cli("configure", f"--pid={made.pid}", rootfs))
    line = refusal(cli("configure", f"--pid={made.pid}", tmp_path / "nowhere"))
    assert "container error: the root file system" in line


def test_a_process_that_is_no_containers(made, cli):
    # in the mount namespace that this program is in
    ours = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        line = refusal(cli("configure", f"--pid={ours.pid}", made.bundle.root))
        assert "container error: " in line and "no mount namespace of its own" in line
    finally:
        ours.communicate()
    assert "container error: " in refusal(cli("configure", f"--pid={ours.pid}", "/x"))


def test_the_hosts_mount_namespace_is_refused(bundle, cli):
    hosts = [pid for pid, number in container_cli.mount_numbers().items()
             if number in INITIAL_MOUNT_NAMESPACES]
    if not hosts:
        skip_or_fail("no process of the host's mount namespace is to be seen")
    before = pathlib.Path(f"/proc/{hosts[0]}/mountinfo").read_text()
    words = ["configure", "--device=0", "--utility", "--no-cgroups"]
    assert "is the host's" in refusal(cli(*words, f"--pid={hosts[0]}", bundle.root))
    # the settings of the test, and a root like the test's, need not be there
    inside = ["env", "NVIDIA_CTK_CONFIG_FILE_PATH=", container.SUPPORT / "enter_mounts.py",
              str(hosts[0])]
    assert "is the host's" in refusal(cli("--debug=/dev/null", *words, bundle.root, prefix=inside))
    assert pathlib.Path(f"/proc/{hosts[0]}/mountinfo").read_text() == before


def test_a_wrong_command_line_ends_with_1(cli):
    for words in ((), ("frobnicate",), ("configure",), ("list", "--bogus"), ("info", "x")):
        done = cli(*words)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, words
        assert "see 'nvidia-container-cli --help'" in done.stderr, words


def test_a_missing_driver_is_an_initialization_error(cli):
    hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /proc/driver; exec "$@"', "sh"]
    for command in ("info", "list"):
        line = refusal(cli(command, prefix=hide))
        assert line.startswith("nvidia-container-cli: initialization error: the NVIDIA driver")


# --- the settings' file, and the log ---


def test_the_log_follows_settings_or_command_line(made, cli, tmp_path):
    refusal(cli.configure(made, "--device=7"))
    assert "unknown device '7'" in cli.logged()
    other = tmp_path / "debug"
    refusal(cli("--debug", other, "configure", "--device=8", f"--pid={made.pid}",
                made.bundle.root))
    assert "unknown device '8'" in other.read_text() and "unknown device '8'" not in cli.logged()


def test_the_debug_file_can_be_relative(made, cli, tmp_path):
    below = tmp_path / "below"
    below.mkdir()
    for name, real in (("rel", below / "rel"), ("../up", tmp_path / "up")):
        there = ["env", "--chdir", below]
        refusal(cli("--debug", name, "configure", "--device=8", f"--pid={made.pid}",
                    made.bundle.root, prefix=there))
        assert "unknown device '8'" in real.read_text()


def test_no_node_is_made_without_the_option(made, cli):
    node = pathlib.Path("/dev/nvidia-uvm-tools")
    node.unlink()
    saved = node.with_name("nvidia-uvm").stat()
    try:
        ended_well(cli.configure(made, "--device=0", "--compute", "--no-cgroups"))
        assert not node.exists()
        ended_well(cli("--load-kmods", "configure", "--device=0", "--compute", "--no-cgroups",
                       f"--pid={made.pid}", made.bundle.root))
        assert node.exists()
    finally:
        if not node.exists():
            major = saved.st_rdev >> 8
            subprocess.run(["mknod", "-m", "666", node, "c", str(major), "1"], check=True)


# --- list and info ---


@pytest.mark.parametrize("words, golden", [
    ((), "list"), (("--device=0",), "list-device-0"), (("-b", "-i"), "list-b-i"),
    (("--libraries",), "list-libraries"), (("--device=1", "-f", "--imex-channel=3"), "list-mixed"),
])
def test_what_list_prints(cli, golden, words):
    assert ended_well(cli("list", *words)) == (GOLDEN / f"{golden}.txt").read_text()


@pytest.mark.parametrize("words, golden", [
    (("--device=0:0",), "list-mig"), (("--device=all",), "list-mig-all"),
    (("--device=0", "--mig-config=all"), "list-mig-config"),
    (("--mig-monitor=all", "--device=all"), "list-mig-monitor"),
    (("--imex-channel=0,2",), "list-special"),
])
def test_what_list_prints_of_mig_and_imex(cli, special_driver, golden, words):
    prefix = [container.SUPPORT / "simulated-host", special_driver]
    assert ended_well(cli("list", *words, prefix=prefix)) == (GOLDEN / f"{golden}.txt").read_text()


@pytest.mark.parametrize("words, text", [
    (("--no-persistenced", "--no-fabricmanager", "--no-gsp-firmware"), ""), (("--compat32",), ""),
    (("--imex-channel=0", "--imex-channel=2"), "/dev/nvidia-caps-imex-channels/channel0\n"
                                               "/dev/nvidia-caps-imex-channels/channel2\n"),
])
def test_an_option_that_names_nothing_ends_listing_everything(cli, words, text):
    assert ended_well(cli("list", *words)) == text


def test_info_without_the_drivers_library(cli):
    cli.set_settings('probe = ""\n')
    text = ended_well(cli("info"))
    assert text.count("Brand:          Unknown\n") == 2
    assert text.count("Architecture:   Unknown\n") == 2
    assert text.count("Model:          NVIDIA H200\n") == 2


def test_info_and_list_of_an_unprivileged_user(cli):
    container_cli.make_reachable(cli.program.parent)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    assert "Model:          NVIDIA H200\n" in ended_well(cli("info", prefix=nobody))
    assert "/dev/nvidiactl\n" in ended_well(cli("list", prefix=nobody))


def test_a_driver_root_stands_in_no_path(cli, tmp_path):
    root = tmp_path / "driver-root"
    shutil.copytree("/opt", root / "opt", symlinks=True)
    (root / "etc").mkdir()
    shutil.copy("/etc/ld.so.cache", root / "etc/ld.so.cache")
    text = ended_well(cli(f"--root={root}", "list", "-l"))
    assert f"/opt/nvidia/lib64/libcuda.so.{VERSION}\n" in text and str(root) not in text


def test_the_filter_precedes_the_look_at_a_container(made, cli, tmp_path):
    record = tmp_path / "calls"
    ended_well(cli.configure(made, "--device=0", "--utility", "--no-cgroups",
                             prefix=["strace", "-f", "-o", record]))
    calls = record.read_text().splitlines()
    filtered = next(i for i, line in enumerate(calls) if "seccomp(SECCOMP_SET_MODE_FILTER" in line)
    # the first pidfd is that of the supervisor itself
    looked = [i for i, line in enumerate(calls) if "pidfd_open" in line][1]
    assert filtered < looked
    assert any("PR_SET_NO_NEW_PRIVS" in line for line in calls[:filtered])


def test_settings_that_a_user_may_not_read(programs, tmp_path):
    container_cli.make_reachable(programs)
    container_cli.make_reachable(tmp_path)
    (tmp_path / "config.toml").touch(mode=0o600)
    setup = container.settings_setup(tmp_path / "config.toml", tmp_path)
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                           f'{setup} && exec setpriv --reuid=65534 --clear-groups "$@"',
                           "sh", programs / "nvidia-container-cli", "info"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "open /etc/grapnel/config.toml: Permission denied: it is for every user" in done.stderr
