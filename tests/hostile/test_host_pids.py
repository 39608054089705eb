# SPDX-License-Identifier: Apache-2.0
"""A container that sees the host's processes looks at those of the hook while it works: it gets
hold of nothing of the host, be it the hook's user or the root of a user namespace."""

import os
import pathlib
import signal
import subprocess
import sys

import container
import pytest
import waiting_hook
from booted_systemd import wait_until
from conftest import skip_or_fail

USER = 100000  # the root of a user namespace, outside
ATTACK = """
import ctypes, os, sys

libc = ctypes.CDLL(None, use_errno=True)

def call(function, *arguments):
    result = function(*map(ctypes.c_long, arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result

def open_all(pid):
    for name in os.listdir(f"/proc/{pid}/fd"):
        os.close(os.open(f"/proc/{pid}/fd/{name}", os.O_PATH))

PIDFD_GETFD, PTRACE_ATTACH, PTRACE_DETACH = 438, 16, 17
WAYS = {
    "memory": lambda pid: os.open(f"/proc/{pid}/mem", os.O_RDWR),
    "environment": lambda pid: open(f"/proc/{pid}/environ", "rb").read(),
    "descriptors": open_all,
    "descriptor": lambda pid: call(libc.syscall, PIDFD_GETFD, os.pidfd_open(pid), 1, 0),
    "root": lambda pid: os.open(f"/proc/{pid}/root/", os.O_PATH),
    "directory": lambda pid: os.open(f"/proc/{pid}/cwd/", os.O_PATH),
    "trace": lambda pid: (call(libc.ptrace, PTRACE_ATTACH, pid, 0, 0), os.waitpid(pid, 0),
                          call(libc.ptrace, PTRACE_DETACH, pid, 0, 0))}
for victim in map(int, sys.argv[1:]):
    for name, way in WAYS.items():
        try:
            way(victim)
            print(victim, name)
        except PermissionError:
            pass
        except (ProcessLookupError, FileNotFoundError):
            pass  # it has ended
"""
ALL_WAYS = 7


def engines_root(command):
    """As the root of a container, with the Linux capabilities that engines give it."""
    names = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in container.CAPABILITIES)
    return ["setpriv", f"--bounding-set=-all,{names}", *command]


def mapped_root(command):
    """As the root of a user namespace, with every Linux capability there."""
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "unshare", "--user",
            "--map-root-user", *command]


ATTACKERS = {"engines-root": engines_root, "mapped-root": mapped_root}


def ways_into(attacker, *victims):
    done = subprocess.run(attacker([sys.executable, "-c", ATTACK, *map(str, victims)]), cwd="/",
                          env={}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(params=sorted(ATTACKERS))
def attacker(request):
    """Who gets hold of a process of its own kind by all these ways."""
    chosen = ATTACKERS[request.param]
    other = subprocess.Popen(chosen(["sleep", "60"]), cwd="/")
    try:
        name = pathlib.Path(f"/proc/{other.pid}/comm")
        wait_until(lambda: name.read_text() == "sleep\n", "another process runs")
        if request.param == "engines-root" and len(ways_into(chosen, other.pid)) < ALL_WAYS:
            skip_or_fail("this kernel keeps root from processes with as many Linux capabilities")
    finally:
        other.kill()
        other.wait()
    return chosen


@pytest.fixture
def gpu_container(hand_made, bundle):
    return hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))


@pytest.fixture
def waiting(gpu_container, tools):
    hook = waiting_hook.WaitingHook(gpu_container, tools)
    yield hook
    hook.end()


def test_no_attacker_reaches_a_process_of_the_hook(waiting, attacker):
    victims = waiting.processes()
    assert len(victims) >= 3, "the hook, the work in the container and ldconfig"
    assert ways_into(attacker, *victims) == []
    assert waiting.processes() == victims, "one of them ended meanwhile"


STOPS = ("capset", "execveat", "setns", "open_tree", "move_mount", "renameat", "write")


@pytest.mark.parametrize("call", STOPS)
def test_no_attacker_reaches_the_hook_at_any_call(gpu_container, attacker, call):
    """The processes of a start, each time one of them is about to make that call."""
    bundle = gpu_container.bundle
    bundle.set_settings('ldcache = "ldconfig"\n')
    bundle.write_config(["/bin/true"])
    hook = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
         f"inject={call}:delay_enter=30000:when=1..20", bundle.hook, f"--config={bundle.settings}",
         "prestart"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    hook.stdin.write(gpu_container.state())
    hook.stdin.close()
    hook.stdin = None
    found = []
    while hook.poll() is None:
        victims = [pid for pid in waiting_hook.descendants(hook.pid)[1:] if executes_hook(pid, bundle)]
        ways = [line for line in ways_into(attacker, *victims) if not line.endswith(" trace")]
        # not of one that has become ldconfig meanwhile
        found += [line for line in ways if executes_hook(int(line.split()[0]), bundle)]
    assert (hook.communicate()[1], hook.returncode) == ("", 0)
    assert found == []


def executes_hook(pid, bundle):
    """And not strace, which starts it as a child of its own."""
    try:
        return os.readlink(f"/proc/{pid}/exe") == str(bundle.hook)
    except OSError:
        return False


SEEN_INSIDE = """
import os, sys
found = set()
print("ready", flush=True)
while os.read(0, 1):
    found.update(name for name in os.listdir("/proc") if name.isdigit())
print(*sorted(found))
"""


def test_container_with_own_pids_sees_no_hook(gpu_container, tools):
    inside = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", SEEN_INSIDE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert inside.stdout.readline() == "ready\n"
    hook = waiting_hook.WaitingHook(gpu_container, tools)
    try:
        for _ in range(100):
            inside.stdin.write("x")
            inside.stdin.flush()
        host = os.readlink("/proc/self/ns/pid")
        for pid in hook.processes():
            own = os.readlink(f"/proc/{pid}/ns/pid")
            assert (own == host) == (pid != hook.pid)
    finally:
        hook.end()
    out, _ = inside.communicate("")
    assert out == "1\n"


def test_root_of_user_namespace_signals_no_hook(waiting):
    script = ("import os, sys\n"
              "for pid in map(int, sys.argv[1:]):\n"
              "    try:\n"
              "        os.kill(pid, 0)\n"
              "        print(pid)\n"
              "    except PermissionError:\n"
              "        pass\n")
    done = subprocess.run(mapped_root([sys.executable, "-c", script,
                                       *map(str, waiting.processes())]), cwd="/",
                          capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("victim", ["work", "ldconfig"])
def test_killed_process_of_the_hook_is_one_line(waiting, gpu_container, victim):
    """The host's root can do that, and so can a container's root that sees the host's processes."""
    before = container.listing(gpu_container.bundle.root, without=())
    del before
    pid = waiting.pid if victim == "ldconfig" else waiting.processes()[1]
    os.kill(pid, signal.SIGKILL)
    code, error = waiting.wait()
    assert code == 1
    assert error.startswith("grapnel-hook: ") and error.count("\n") == 1, error
    assert waiting.processes() == [waiting.process.pid]
    assert gpu_container.bundle.call_hook("poststop").returncode == 0
