# SPDX-License-Identifier: Apache-2.0
"""grapnel-runtime: the OCI runtime of engines, which makes the hook and the rules part of a
container's configuration and becomes runc or crun."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import container
import make_driver
import pytest
import user_namespaces

GPU_0 = "c 195:1 rw"  # minors are in another order than GPUs


def environment(bundle, **more):
    return {"PATH": os.environ["PATH"], "NVIDIA_CTK_CONFIG_FILE_PATH": str(bundle.settings), **more}


@pytest.fixture
def plain(bundle):
    """A bundle that no hook is registered in."""
    del bundle.config["hooks"]
    return bundle


def use_runtime(bundle, runtime, low_level):
    """Containers of this bundle are made by grapnel-runtime on top of that runtime."""
    bundle.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{low_level}"]\n')
    command = bundle.runtime_command

    def through(_, *arguments):
        words = command(low_level, *arguments)
        words[words.index(low_level)] = str(runtime)
        return ["env", f"NVIDIA_CTK_CONFIG_FILE_PATH={bundle.settings}", *words]
    bundle.runtime_command = through
    return bundle


def call(bundle, runtime, *arguments, low_level="/bin/true", write=True, **options):
    """grapnel-runtime by hand, with a low-level runtime that makes nothing."""
    bundle.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{low_level}"]\n')
    if write:
        bundle.write_config(["/bin/true"])
    return subprocess.run([*bundle.host, runtime, *arguments], env=environment(bundle), timeout=60,
                          capture_output=True, text=True, check=False, **options)


def config_of(bundle):
    return json.loads((bundle.directory / "config.json").read_text())


def rules_of(config):
    return [f'{rule["type"]} {rule["major"]}:{rule["minor"]} {rule["access"]}'
            for rule in config["linux"]["resources"]["devices"] if rule["allow"]]


def test_a_container_gets_the_requested_gpu(engine, plain, runtime):
    before = container.listing(plain.root)
    use_runtime(plain, runtime, engine.runtime).env("NVIDIA_VISIBLE_DEVICES=0")
    result = engine(plain, "load:libcuda.so.1", "open:/dev/nvidia1", "make:c:195:1", "make:c:195:0")
    assert result.code == 0, result.err
    assert "libcuda" in result["load:libcuda.so.1"].split(" ")
    assert [result["open:/dev/nvidia1"], result["make:c:195:0"]] == ["ENXIO", "EPERM"]
    assert container.listing(plain.root) == before


def test_a_container_without_request_is_untouched(engine, plain, runtime):
    use_runtime(plain, runtime, engine.runtime)
    result = engine(plain, "list:/dev", "make:c:195:0")
    assert "nvidia" not in result["list:/dev"]
    assert result["make:c:195:0"] == "EPERM"
    assert "hooks" not in config_of(plain)


REASONS = {"NVIDIA_VISIBLE_DEVICES is not set": [],
           "NVIDIA_VISIBLE_DEVICES is empty": ["NVIDIA_VISIBLE_DEVICES="],
           "NVIDIA_VISIBLE_DEVICES is 'void'": ["NVIDIA_VISIBLE_DEVICES=void"]}


@pytest.mark.parametrize("reason, env", REASONS.items(), ids=range(len(REASONS)))
def test_no_request_leaves_one_notice(plain, runtime, reason, env):
    plain.env(*env).write_config(["/bin/true"])
    plain.set_settings('[nvidia-container-runtime]\nruntimes = ["/bin/true"]\n')
    done = call(plain, runtime, "create", "-b", plain.directory, "c1", write=False)
    assert (done.returncode, done.stderr) == (0, "")
    line, = plain.logged().splitlines()
    assert line.endswith(f" c1 notice: asks for no GPU: {reason}")


def test_one_failure_is_one_log_line(plain, runtime, tmp_path):
    plain.env("NVIDIA_VISIBLE_DEVICES=9").write_config(["/bin/true"])
    plain.set_settings('[nvidia-container-runtime]\nruntimes = ["/bin/true"]\n')
    done = call(plain, runtime, "--log", tmp_path / "engine.log", "--log-format", "json", "create",
                "-b", plain.directory, "c1", write=False)
    assert done.returncode == 1 and done.stderr.startswith("grapnel-runtime: unknown device '9'")
    line, = plain.logged().splitlines()
    assert " c1 error: unknown device '9'" in line
    told = json.loads((tmp_path / "engine.log").read_text())
    assert told["msg"] == done.stderr.removesuffix("\n")


def test_a_warning_is_one_log_line(engine, plain, runtime):
    """The runtime's first step and the hook find the same: a library of another machine's."""
    wrong = pathlib.Path(f"/opt/nvidia/lib64/libnvidia-wrong.so.{make_driver.VERSION}")
    wrong.write_text("no library")
    link = pathlib.Path("/dev/char/195:255")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("../null")
    smi = pathlib.Path("/opt/nvidia/bin/nvidia-smi")
    saved = smi.rename(f"{smi}.saved")
    try:
        use_runtime(plain, runtime, engine.runtime)
        plain.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=compute,utility")
        assert engine(plain).code == 0
    finally:
        wrong.unlink()
        link.unlink()
        saved.rename(smi)
    lines = [re.sub(r"^.*? warning: ", "", line) for line in plain.logged().splitlines()
             if " warning: " in line]
    for text in ("libnvidia-wrong", "nvidia-smi was not found", "/dev/char/195:255"):
        assert len([line for line in lines if text in line]) == 1, lines
    assert len(lines) == len(set(lines)), lines


@pytest.mark.parametrize("program", ["runtime", "hook", "cli"])
def test_lack_of_memory_is_in_the_log(plain, programs, program):
    plain.config["annotations"] = {"large": "x" * (6 << 20)}
    plain.write_config(["/bin/true"])
    command = {"runtime": ["grapnel-runtime", "create", "--bundle", plain.directory, "x"],
               "hook": ["grapnel-hook", "prestart"],
               "cli": ["nvidia-container-cli", "info"]}[program]
    log = pathlib.Path("/var/log/grapnel.log")
    log.write_text("")
    line = " error: out of memory: the machine's, the cgroup's, or its own limit of 1 GiB\n"
    for size in range(200 << 10, 8 << 20, 16 << 10):
        done = subprocess.run(
            ["prlimit", f"--data={size}", programs / command[0], *command[1:]],
            input=plain.state(), env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
            check=False)
        if line in log.read_text():
            break
    assert line in log.read_text(), done
    assert done.returncode == 1, done
    assert done.stderr == command[0] + line.replace(" error:", ":", 1)


def test_settings_mistake_spares_container_without_request(plain, runtime):
    plain.set_settings('no-cgroup = true\n[nvidia-container-runtime]\nruntimes = ["/bin/true"]\n')

    def create(*env):
        plain.env(*env).write_config(["/bin/true"])
        return subprocess.run([runtime, "create", "-b", plain.directory, "c1"], text=True,
                              env=environment(plain), capture_output=True, check=False)
    meant = "did you mean 'nvidia-container-cli.no-cgroups'?"
    done = create()
    assert (done.returncode, done.stderr) == (0, "")
    assert f" c1 warning: {plain.settings}:2: " in plain.logged() and meant in plain.logged()
    done = create("NVIDIA_VISIBLE_DEVICES=0")
    assert done.returncode == 1 and meant in done.stderr


def test_a_settings_variable_without_path_is_harmless(plain, runtime, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "runc").symlink_to("/bin/true")
    done = subprocess.run([runtime, "delete", "c1"], capture_output=True, text=True, check=False,
                          env={"PATH": f"{tmp_path}/bin", "NVIDIA_CTK_CONFIG_FILE_PATH": "x.toml"})
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unprivileged_containers_refusal_is_logged(plain, runtime):
    plain.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
    plain.set_settings("accept-nvidia-visible-devices-envvar-when-unprivileged = false\n"
                       '[nvidia-container-runtime]\nruntimes = ["/bin/true"]\n')
    done = subprocess.run([runtime, "create", "-b", plain.directory, "c1"], env=environment(plain),
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "hooks" not in config_of(plain)
    line, = plain.logged().splitlines()
    assert "asks for devices '0', but the container is not privileged" in line and " c1 warning: " in line


@pytest.mark.parametrize("what, options, failed, cure", [
    ("", "ro", "Read-only file system", "use another directory"),
    ("/config.json", "rw", "Device or resource busy", "mount its directory instead"),
])
def test_an_unreplaceable_configuration_is_an_error_with_cure(plain, runtime, what,
                                                              options, failed, cure):
    plain.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
    plain.set_settings('[nvidia-container-runtime]\nruntimes = ["/bin/true"]\n')
    mount = 'mount --bind "$1" "$1" && mount -o "remount,bind,$2" "$1" && shift 2 && exec "$@"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", mount, "sh", f"{plain.directory}{what}",
                           options, runtime, "create", "-b", plain.directory, "c1"],
                          env=environment(plain), capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert f": replace {plain.directory}/config.json: {failed}: " in done.stderr
    assert done.stderr.endswith(f"{cure}\n")
    assert sorted(path.name for path in plain.directory.glob(".config*")) == []


def test_the_configuration_says_what_the_plan_says(plain, runtime):
    plain.env("NVIDIA_VISIBLE_DEVICES=1").write_config(["/bin/true"])
    plain.register()
    planned = plain.plan()["device_rules"]
    done = call(plain, runtime, "create", "--bundle", plain.directory, "c1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert rules_of(config_of(plain)) == planned
    assert "c 195:0 rw" in planned and GPU_0 not in planned


def test_the_rest_of_the_configuration_is_kept(plain, runtime):
    plain.config["x-unknown"] = {"b": [1, 2.5, None], "a": {"deep": "\u00e9\\/"}}
    plain.config["linux"]["x-mode"] = 0
    plain.config["annotations"] = {"z": "1", "a": "2"}
    plain.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
    path = plain.directory / "config.json"
    os.chown(path, 1234, 4321)
    path.chmod(0o640)
    before = config_of(plain)
    done = call(plain, runtime, "run", "-b", plain.directory, "c1", write=False)
    assert done.returncode == 0, done.stderr
    after = config_of(plain)
    assert list(after) == [*before, "hooks"]
    assert list(after["linux"]) == list(before["linux"])
    hooks = after.pop("hooks")
    allowed = [rule for rule in after["linux"]["resources"]["devices"]
               if rule not in before["linux"]["resources"]["devices"]]
    after["linux"]["resources"]["devices"] = before["linux"]["resources"]["devices"]
    assert after == before
    assert allowed and all(rule["access"] == "rw" for rule in allowed)
    assert sorted(hooks) == ["poststop", "prestart"]
    assert all(entry["env"] == [] for entries in hooks.values() for entry in entries)
    status = path.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1234, 4321, 0o640)
    assert [entry.name for entry in plain.directory.iterdir() if "grapnel-" in entry.name] == []


@pytest.mark.parametrize("name", ["nvidia-container-runtime-hook", "nvidia-container-toolkit",
                                  "grapnel-hook"])
def test_an_engines_own_hook_is_left(engine, plain, runtime, hook, name, tmp_path):
    """Docker's --gpus together with --runtime."""
    named = tmp_path / name
    named.symlink_to(hook)
    use_runtime(plain, runtime, engine.runtime).env("NVIDIA_VISIBLE_DEVICES=0")
    plain.config["hooks"] = {"prestart": [container.hook_entry(named, "prestart", plain.settings)]}
    before = container.listing(plain.root)
    result = engine(plain, "load:libcuda.so.1", "make:c:195:1", "make:c:195:0")
    assert result.code == 0, result.err
    assert "libcuda" in result["load:libcuda.so.1"].split(" ")
    assert [result["make:c:195:1"], result["make:c:195:0"]] == ["ENXIO", "EPERM"]
    config = config_of(plain)
    assert [entry["path"] for entry in config["hooks"]["prestart"]] == [str(named)]
    assert GPU_0 in rules_of(config)
    assert container.listing(plain.root) == before, "and poststop tidies"


def test_the_hook_is_added_once(plain, runtime):
    plain.env("NVIDIA_VISIBLE_DEVICES=0")
    call(plain, runtime, "create", "-b", plain.directory, "c1")
    call(plain, runtime, "create", "-b", plain.directory, "c1", write=False)
    hooks = config_of(plain)["hooks"]
    assert {stage: len(entries) for stage, entries in hooks.items()} == {"prestart": 1, "poststop": 1}


def test_a_bundle_can_ask_for_less_later(engine, plain, runtime):
    """The device cgroup is no more open to what it asked for before."""
    use_runtime(plain, runtime, engine.runtime)
    numbers = ["make:c:195:1", "make:c:195:0"]  # of GPU 0 and GPU 1
    for devices, reached in (("all", ["ENXIO", "ENXIO"]), ("all", ["ENXIO", "ENXIO"]),
                             ("0", ["ENXIO", "EPERM"]), ("void", ["EPERM", "EPERM"])):
        if (plain.directory / "config.json").exists():  # as it was left, with another variable
            plain.config = config_of(plain)
        plain.env(f"NVIDIA_VISIBLE_DEVICES={devices}")
        result = engine(plain, *numbers)
        assert [result[number] for number in numbers] == reached, devices
        rules = rules_of(config_of(plain))
        assert len(rules) == len(set(rules)), devices


@pytest.mark.parametrize("form", ["-", "file"])
def test_an_update_with_the_engines_own_rules(engine, plain, runtime, form):
    """As containerd's for kubelet: crun puts them in the place of all others."""
    low_level = engine.runtime
    command = use_runtime(plain.env("NVIDIA_VISIBLE_DEVICES=0"), runtime, low_level).runtime_command
    resources = {"devices": [{"allow": False, "access": "rwm"},
                             {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}]}
    place = plain.directory / "resources"
    place.write_text(json.dumps(resources))
    sent = "-" if form == "-" else str(place)
    answers = []

    def call_in_view(*words, text=""):
        done = subprocess.run(container.in_cgroup_view(engine.cgroup, command(low_level, *words)),
                              cwd=plain.directory, input=text, stderr=subprocess.STDOUT,
                              stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + plain.logged()
        return done
    plain.write_config(["/bin/busybox", "sleep", "1000"])
    output = plain.directory / "output"
    with open(output, "w", encoding="utf-8") as log:
        started = subprocess.run(
            container.in_cgroup_view(engine.cgroup, command(low_level, "run", "-d", plain.name)),
            cwd=plain.directory, input=b"", stdout=log, stderr=log, timeout=60, check=False)
    assert started.returncode == 0, output.read_text()
    try:
        for _ in range(2):
            done = call_in_view("exec", plain.name, "/bin/look", "open:/dev/nvidia1",
                                "make:c:195:0", "make:c:10:1", "open:/dev/null")
            done.stderr = ""
            answers.append(container.Result(done).answers)
            call_in_view("update", "--resources", sent, plain.name, text=json.dumps(resources))
    finally:
        call_in_view("delete", "--force", plain.name)
    assert answers[0] == answers[1] == {
        "open:/dev/nvidia1": "ENXIO", "make:c:195:0": "EPERM", "make:c:10:1": "EPERM",
        "open:/dev/null": "OK"}
    assert plain.logged() == ""


def test_an_update_that_names_no_devices_asks_nobody(plain, runtime, tmp_path):
    low_level = tmp_path / "low-level"
    low_level.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\ncat\n')
    low_level.chmod(0o755)
    plain.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{low_level}"]\n')
    for text in ('{"cpu": {"shares": 2}}', "no JSON", ""):
        done = subprocess.run([runtime, "--root", "/r", "update", "-r", "-", "c1"], input=text,
                              env=environment(plain), capture_output=True, text=True, check=False)
        assert done.stdout == text
    assert set((tmp_path / "calls").read_text().splitlines()) == {"--root /r update -r - c1"}


@pytest.mark.parametrize("words", [["delete", "create"], ["--root", "create", "delete", "c1"],
                                   ["start", "run"], ["kill", "create", "KILL"]])
def test_a_container_named_like_a_command(plain, runtime, words):
    plain.env("NVIDIA_VISIBLE_DEVICES=0")
    done = call(plain, runtime, *words, cwd=plain.directory)
    assert done.returncode == 0, done.stderr
    assert "hooks" not in config_of(plain)


def test_a_container_named_create_gets_its_gpu(engine, plain, runtime):
    use_runtime(plain, runtime, engine.runtime).env("NVIDIA_VISIBLE_DEVICES=0")
    plain.name = "create"
    assert engine(plain, "open:/dev/nvidia1")["open:/dev/nvidia1"] == "ENXIO"


@pytest.mark.parametrize("words", [["create", "c1"], ["run", "c1"], ["create", "--bundle", ".", "c1"]])
def test_the_bundle_is_found_from_the_working_directory(plain, runtime, words):
    plain.env("NVIDIA_VISIBLE_DEVICES=0")
    call(plain, runtime, *words, cwd=plain.directory)
    assert "prestart" in config_of(plain)["hooks"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_engine_learns_why_no_container_started(plain, runtime, tmp_path, form):
    log = tmp_path / "engine.log"
    plain.env("NVIDIA_VISIBLE_DEVICES=7").write_config(["/bin/true"])
    before = (plain.directory / "config.json").read_bytes()
    done = call(plain, runtime, "--log", log, "--log-format", form, "create", "-b",
                plain.directory, "c1")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"grapnel-runtime: .*'7'.*\n", done.stderr)
    line = done.stderr.strip()
    reason = line.removeprefix("grapnel-runtime: ")
    if form == "json":
        entry = json.loads(log.read_text())
        assert (entry["level"], entry["msg"]) == ("error", line)
    else:
        assert f'level=error msg="{line}"' in log.read_text()
    assert (plain.directory / "config.json").read_bytes() == before
    assert reason in plain.logged()


def test_a_configuration_that_is_no_json_is_refused(plain, runtime):
    (plain.directory / "config.json").write_text("{")
    done = call(plain, runtime, "create", "-b", plain.directory, "c1", write=False)
    assert done.returncode == 1
    assert "config.json is not valid JSON" in done.stderr or "not valid JSON" in done.stderr


def test_the_low_level_runtime_refuses_a_wrong_bundle(plain, runtime, tmp_path):
    for directory in (tmp_path / "missing", tmp_path):
        done = call(plain, runtime, "create", "-b", directory, "c1", low_level="runc")
        assert done.returncode != 0
        assert "config.json" in done.stderr or "no such file" in done.stderr


def test_the_first_runtime_that_is_there_is_taken(plain, runtime, tmp_path):
    programs = {}
    for name in ("one", "two"):
        directory = tmp_path / name
        directory.mkdir()
        programs[name] = directory / "low-level"
        programs[name].write_text(f'#!/bin/sh\necho "{name} $0 $*"\n')
        programs[name].chmod(0o755)
    own = tmp_path / "nvidia-container-runtime"
    own.symlink_to(runtime)
    listed = json.dumps([str(tmp_path / "missing"), str(own), "not-there", "low-level", "/bin/false"])
    plain.set_settings(f"[nvidia-container-runtime]\nruntimes = {listed}\n")
    path = f"{tmp_path}/one:{tmp_path}/two:/usr/bin:/bin"
    done = subprocess.run([runtime, "--root", "/r", "state", "c1"], env=environment(plain, PATH=path),
                          capture_output=True, text=True, check=False)
    assert done.stdout == f"one {programs['one']} --root /r state c1\n"


def test_a_missing_low_level_runtime_has_a_cure(plain, runtime):
    plain.set_settings('[nvidia-container-runtime]\nruntimes = ["/nowhere/runc"]\n')
    done = subprocess.run([runtime, "state", "c1"], env=environment(plain), capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "/nowhere/runc" in done.stderr and "install runc or crun" in done.stderr


def test_the_low_level_runtime_gets_everything_given(plain, runtime, tmp_path):
    """Descriptors, environment, umask, and no restriction of this program's own."""
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\ncat <&7; echo "$GIVEN"; umask; grep NoNewPrivs /proc/self/status; pwd\n')
    shell.chmod(0o755)
    given = tmp_path / "given"
    given.write_text("by descriptor\n")
    plain.env("NVIDIA_VISIBLE_DEVICES=0")
    plain.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{shell}"]\n')
    plain.write_config(["/bin/true"])
    script = f'umask 027; exec "$0" create -b {plain.directory} c1 7<"$1"'
    done = subprocess.run(["sh", "-c", script, runtime, given], capture_output=True, text=True,
                          env=environment(plain, GIVEN="by variable"), cwd=tmp_path, check=False)
    assert done.stdout.split("\n")[:5] == ["by descriptor", "by variable", "0027", "NoNewPrivs:\t0",
                                           str(tmp_path)]
    assert "prestart" in config_of(plain)["hooks"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_are_no_obstacle_and_stay_closed(plain, runtime, tmp_path, closed):
    shell = tmp_path / "shell"
    shell.write_text(f'#!/bin/sh\nexec /bin/busybox ls -l /proc/self/fd >"{tmp_path}/found" 2>/dev/null\n')
    shell.chmod(0o755)
    plain.env("NVIDIA_VISIBLE_DEVICES=0")
    plain.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{shell}"]\n')
    plain.write_config(["/bin/true"])
    script = f'exec "$0" create -b {plain.directory} c1 {closed}'
    done = subprocess.run(["sh", "-c", script, runtime], env=environment(plain), input="",
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + plain.logged()
    assert "prestart" in config_of(plain)["hooks"]
    # 1 and 2 are the shell's own
    assert (" 0 -> " in (tmp_path / "found").read_text()) == ("<" not in closed)


def test_an_engine_that_ignores_its_childrens_end(plain, runtime, tmp_path):
    """And so does what the runtime becomes."""
    low_level = tmp_path / "low-level"
    low_level.write_text(f"#!{sys.executable}\nprint(open('/proc/self/status').read())\n")
    low_level.chmod(0o755)
    plain.env("NVIDIA_VISIBLE_DEVICES=0")
    plain.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{low_level}"]\n')
    plain.write_config(["/bin/true"])
    done = subprocess.run(
        [sys.executable, "-c", "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
         "os.execv(sys.argv[1], sys.argv[1:])", runtime, "create", "-b", plain.directory, "c1"],
        env=environment(plain), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ignored = re.search(r"^SigIgn:\s*(\S+)$", done.stdout, re.M)[1]
    assert int(ignored, 16) & 1 << (signal.SIGCHLD - 1)
    assert "prestart" in config_of(plain)["hooks"]


@pytest.mark.parametrize("mistake", ["log-levell = 'info'", "no-cgroups = 7", "="])
def test_a_settings_mistake_stops_no_container(plain, runtime, tmp_path, mistake):
    """Only new ones are not made."""
    low_level = tmp_path / "low-level"
    low_level.write_text('#!/bin/sh\necho "low-level $*"\n')
    low_level.chmod(0o755)
    known = f'[nvidia-container-runtime]\nruntimes = ["{low_level}"]\n'
    plain.settings = tmp_path / "config.toml"
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "runc").symlink_to(low_level)  # where the file can say nothing
    log = tmp_path / "log"
    plain.settings.write_text(f'log = "{log}"\n{known}{mistake}\n')
    plain.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
    script = container.settings_setup(plain.settings, tmp_path) + ' && exec "$@"'

    def call_with(*words):
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", runtime,
             *words], env={"PATH": path}, capture_output=True, text=True, check=False)
    assert call_with("kill", "c1", "KILL").stdout == "low-level kill c1 KILL\n"
    refused = call_with("create", "-b", plain.directory, "c1")
    assert refused.returncode == 1 and "/etc/grapnel/config.toml:" in refused.stderr


@pytest.mark.parametrize("name", ["grapnel-runtime", "nvidia-container-runtime"])
def test_another_installation_is_no_low_level_runtime(plain, runtime, tmp_path, name):
    """Each would become the other without end."""
    other = tmp_path / name
    shutil.copy(runtime, other)
    link = tmp_path / "runc"
    link.symlink_to(other)
    plain.set_settings("[nvidia-container-runtime]\n"
                       f'runtimes = ["{other}", "{link}", "{runtime}", "/bin/echo"]\n')
    done = subprocess.run([runtime, "state", "c1"], env=environment(plain), capture_output=True,
                          text=True, timeout=20, check=False)
    assert done.stdout == "state c1\n", done.stderr


def test_the_hook_reads_the_settings_of_the_runtime(engine, plain, runtime):
    use_runtime(plain, runtime, engine.runtime).env("NVIDIA_VISIBLE_DEVICES=0")
    plain.settings.write_text(plain.settings.read_text().replace(
        "[nvidia", 'supported-driver-capabilities = "utility"\n[nvidia', 1))
    result = engine(plain, "load:libcuda.so.1", "load:libnvidia-ml.so.1")
    assert "libnvidia-ml" in result["load:libnvidia-ml.so.1"].split(" ")
    assert "libcuda" not in result["load:libcuda.so.1"].split(" ")


def test_no_cgroups_means_no_rules(plain, runtime):
    plain.env("NVIDIA_VISIBLE_DEVICES=0")
    plain.write_config(["/bin/true"])
    plain.set_settings('[nvidia-container-runtime]\nruntimes = ["/bin/true"]\n'
                       "[nvidia-container-cli]\nno-cgroups = true\n")
    done = subprocess.run([runtime, "create", "-b", plain.directory, "c1"], env=environment(plain),
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert rules_of(config_of(plain)) == []
    assert "prestart" in config_of(plain)["hooks"]


@pytest.fixture
def node_of_a_group():
    """The node of GPU 0 is of a group alone, as DRM nodes are."""
    os.chown("/dev/nvidia1", 0, 44)
    os.chmod("/dev/nvidia1", 0o660)
    yield
    os.chown("/dev/nvidia1", 0, 0)
    os.chmod("/dev/nvidia1", 0o666)


@pytest.mark.parametrize("joins", [True, False])
def test_the_process_joins_the_groups_of_its_nodes(engine, plain, runtime, node_of_a_group, joins):
    use_runtime(plain, runtime, engine.runtime).env("NVIDIA_VISIBLE_DEVICES=all")
    plain.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{engine.runtime}"]\n[features]\n'
                       f"no-additional-gids-for-device-nodes = {str(not joins).lower()}\n")
    plain.config["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [7]}
    result = engine(plain, "open:/dev/nvidia1", "open:/dev/nvidia0")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia1"] == ("ENXIO" if joins else "EACCES")
    assert result["open:/dev/nvidia0"] == "ENXIO"
    assert config_of(plain)["process"]["user"]["additionalGids"] == ([7, 44] if joins else [7])


@pytest.mark.parametrize("first, expected", [(100000, []), (0, [44])])
def test_groups_are_those_of_the_containers_user_namespace(engine, plain, runtime, node_of_a_group,
                                                           first, expected):
    use_runtime(plain, runtime, engine.runtime).env("NVIDIA_VISIBLE_DEVICES=all")
    user_namespaces.map_users(plain, first)
    plain.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    result = engine(plain, "stat:/dev/nvidia1", "open:/dev/nvidia0")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia0"] == "ENXIO"
    user = config_of(plain)["process"]["user"]
    assert user.get("additionalGids", []) == expected
    assert ("may be closed to the container" in plain.logged()) == (not expected)


def test_a_user_without_rights_joins_no_group(plain, runtime, node_of_a_group, users_run_directory):
    """runc refuses a container that would."""
    rootless = user_namespaces.Rootless(plain.env("NVIDIA_VISIBLE_DEVICES=all"), "v2")
    command = plain.runtime_command
    plain.runtime_command = lambda low_level, *words: [
        str(runtime) if word == low_level else word for word in command(low_level, *words)]
    result = rootless.run("runc", "open:/dev/nvidia0")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia0"] == "ENXIO"


def test_annotations_and_cdi_names_reach_the_hook(engine, plain, runtime):
    use_runtime(plain, runtime, engine.runtime)
    plain.config["annotations"] = {"cdi.k8s.io/plugin_gpu": "nvidia.com/gpu=0"}
    result = engine(plain, "open:/dev/nvidia1", "stat:/dev/nvidia0")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia1"] == "ENXIO"
    assert result["stat:/dev/nvidia0"] == "ENOENT"


def test_a_container_without_request_costs_one_read(plain, runtime, tmp_path):
    plain.set_settings('[nvidia-container-runtime]\nruntimes = ["/bin/true"]\n')
    plain.write_config(["/bin/true"])
    calls = tmp_path / "calls"
    subprocess.run(["strace", "-f", "-o", calls, runtime, "create", "-b", plain.directory, "c1"],
                   env=environment(plain), check=True, capture_output=True)
    before = calls.read_text().split('execve("/bin/true"')[0]
    opened = re.findall(r'open(?:at)?\([^"]*"([^"]*)"', before)
    assert opened.count("config.json") == 1
    assert not re.search(r"nvidia[0-9]|/proc/driver|/sys/bus", before)
    processes = re.findall(r"\b(?:v?fork|clone3?)\(", before)
    assert len(processes) == 1, "more than the confined one that parses"
    assert before.count("execve") == 1


def test_the_version_includes_the_low_level_runtimes(plain, runtime):
    done = call(plain, runtime, "--version", low_level="runc")
    first, second, *_ = done.stdout.splitlines()
    assert re.fullmatch(r"grapnel-runtime version \d+\.\d+\.\d+", first)
    assert second.startswith("runc version")


def precreate(bundle, hook, text, *options):
    return subprocess.run([*bundle.host, hook, f"--config={bundle.settings}", *options, "precreate"],
                          input=text, capture_output=True, text=True, env={}, check=False)


def test_precreate_passes_on_containers_without_request(plain, hook):
    text = json.dumps(plain.config, indent=7) + "\n\n"
    done = precreate(plain, hook, text)
    assert (done.returncode, done.stdout, done.stderr) == (0, text, "")


def test_precreate_adds_this_hook_with_its_settings(plain, hook):
    plain.env("NVIDIA_VISIBLE_DEVICES=0")
    done = precreate(plain, hook, json.dumps(plain.config))
    assert done.returncode == 0, done.stderr
    config = json.loads(done.stdout)
    entry = config["hooks"]["prestart"][0]
    assert entry == {"path": str(hook), "args": ["grapnel-hook", f"--config={plain.settings}", "prestart"],
                     "env": []}
    assert GPU_0 in rules_of(config)


def test_precreate_refuses_what_is_no_configuration(plain, hook):
    for text in ("", "[]", "{}", "\0"):
        done = precreate(plain, hook, text)
        assert (done.returncode, done.stdout) == (1, "")
        assert "config.json" in done.stderr


@pytest.mark.parametrize("gone", [False, True])
def test_a_hook_replaced_while_running_has_its_path(plain, hook, tmp_path, gone):
    """As an update of the package does."""
    program = tmp_path / "grapnel-hook"
    shutil.copy(hook, program)
    plain.env("NVIDIA_VISIBLE_DEVICES=0")
    with subprocess.Popen([program, f"--config={plain.settings}", "precreate"], text=True, env={},
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        program.unlink()  # it waits for its input
        if not gone:
            shutil.copy(hook, program)
        config = json.loads(running.communicate(json.dumps(plain.config), timeout=60)[0])
    assert config["hooks"]["prestart"][0]["path"] == str(program)
