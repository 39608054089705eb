# SPDX-License-Identifier: Apache-2.0
"""Containers for tests: root file systems, bundles, and runtimes on either cgroup version."""

import contextlib
import copy
import itertools
import json
import os
import pathlib
import re
import shutil
import stat
import struct
import subprocess
import zlib

SUPPORT = pathlib.Path(__file__).parent
NO_ID = 0xffffffff  # of an entry of an ACL that names nobody
# The parent of the containers' cgroups; tests of another process have their own.
CGROUP = f"/grapnel-test-{os.getpid()}"
CAPABILITIES = [f"CAP_{name}" for name in (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
    "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE")]

# The view of the cgroup file systems that a command gets, in a mount namespace of its own.
CGROUP_VIEWS = {
    "v1": "mountpoint -q /sys/fs/cgroup/unified && umount /sys/fs/cgroup/unified",
    "v2": "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup",
}
MULTIARCH = "x86_64-linux-gnu"
LIBRARY_DIRECTORIES = {"debian": f"usr/lib/{MULTIARCH}", "fedora": "usr/lib64",
                       "plain": "usr/lib"}


def in_cgroup_view(version, command, setup=":"):
    """The command in a mount namespace with that view, which `setup` (a shell command) changes."""
    script = f'{CGROUP_VIEWS[version]}; {setup}; exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *command]


def watched(command, record):
    """The command, with the mounts of its namespace written to RECORD.before and RECORD.after."""
    script = ('record="$1"; shift; cat /proc/self/mountinfo >"$record.before"; "$@"; code=$?; '
              'cat /proc/self/mountinfo >"$record.after"; exit $code')
    return ["sh", "-c", script, "sh", str(record), *command]


def inventory_cache_in(directory, options="rw"):
    """The beginning of a command that has its inventory cache in that directory: an empty one is an
    empty cache, and stays so with "ro"."""
    directory.mkdir(mode=0o700, exist_ok=True)
    cache = "/run/grapnel-inventory"
    script = (f'mkdir -p -m 700 {cache} && mount --bind {directory} {cache} && '
              f'mount -o remount,bind,{options} {cache} && exec "$@"')
    return ["unshare", "--mount", "sh", "-c", script, "sh"]


def settings_setup(file, directory):
    """Shell that makes a file the settings of a mount namespace, in a copy of /etc in DIRECTORY."""
    copy = directory / "etc"
    return " && ".join((
        f"rm -rf {copy}", f"cp -a /etc {copy}", f"mkdir -p {copy}/grapnel",
        f"cp -p {file} {copy}/grapnel/config.toml", f"chmod 755 {copy} {copy}/grapnel",
        f"mount --bind {copy} /etc"))


def cgroup_version_possible(version):
    """Whether this machine has what that view needs."""
    if version == "v2":
        return "cgroup2" in pathlib.Path("/proc/filesystems").read_text()
    listed = pathlib.Path("/proc/cgroups").read_text()
    return re.search(r"^devices\s+[1-9]", listed, re.M) is not None


def controllers_of_version_2():
    """Those that are not in a hierarchy of version 1."""
    view = in_cgroup_view("v2", ["cat", "/sys/fs/cgroup/cgroup.controllers"])
    return subprocess.run(view, check=True, capture_output=True, text=True).stdout.split()


def compile_program(source, target, *flags, compiler="gcc"):
    subprocess.run([compiler, "-O1", "-Wall", "-Werror", SUPPORT / source, "-o", target, *flags],
                   check=True)


class Tools:
    """Programs that tests and containers run, each compiled when it is first needed."""

    def __init__(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.guests = []  # programs that containers get from elsewhere: images have their libraries

    def compiled(self, name, source, *flags, **options):
        target = self.directory / name
        if not target.exists():
            compile_program(source, target, *flags, **options)
        return target

    look = property(lambda self: self.compiled("look", "look.c"))
    shim = property(lambda self: self.compiled("memlock_shim.so", "memlock_shim.c",
                                               "-shared", "-fPIC"))
    device_programs = property(lambda self: self.compiled("device_programs", "device_programs.c"))
    deny_call = property(lambda self: self.compiled("deny_call", "deny_call.c", "-lseccomp"))
    change_call = property(lambda self: self.compiled("change_call", "change_call.c", "-lseccomp"))
    static_look = property(lambda self: self.compiled("static_look", "look.c", "-static", "-w"))

    def needs_cuda(self, compiler="gcc"):
        return self.compiled(f"needs_cuda-{compiler}", "needs_cuda.c", "-Wl,--no-as-needed",
                             "-L/opt/nvidia/lib64", "-l:libcuda.so.1", compiler=compiler)

    never_ends = property(lambda self: self.compiled("never_ends", "never_ends.c", "-static"))
    racer = property(lambda self: self.compiled("racer", "racer.c"))
    take_over = property(lambda self: self.compiled("take_over", "take_over.c"))


def copy_libraries(program, root, directory):
    """The loader to the place that the program's header names, libraries to the directory."""
    assert os.access(program, os.X_OK), program
    # a static program has none, and ldd fails
    linked = subprocess.run(["ldd", program], check=False, capture_output=True, text=True).stdout
    for path in re.findall(r"(/\S+)", linked):
        name = pathlib.Path(path).name
        target = root / path.lstrip("/") if name.startswith("ld-linux") else root / directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def make_rootfs(root, tools, family="debian"):
    """A small image with glibc and the program `look`.

    debian: multiarch directories. fedora: /usr/lib64, which its loader knows by the cache.
    plain: /usr/lib alone, and no ld.so.cache.
    """
    for directory in ("bin", "etc", "proc", "sys", "dev", "tmp", "usr/bin", "usr/lib"):
        (root / directory).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
    (root / "bin" / "sh").symlink_to("busybox")
    (root / "usr" / "lib64" if family == "fedora" else root / "usr" / "lib").mkdir(exist_ok=True)
    (root / "lib64").symlink_to("usr/lib64") if family == "fedora" else (root / "lib64").mkdir()
    (root / "lib").symlink_to("usr/lib")
    if family == "debian":
        (root / "etc" / "debian_version").write_text("12.0\n")
        (root / "usr" / "lib" / MULTIARCH).mkdir()
    shutil.copy(tools.look, root / "bin" / "look")
    for program in (tools.look, *tools.guests):
        copy_libraries(program, root, LIBRARY_DIRECTORIES[family])
    if family != "plain":
        (root / "etc" / "ld.so.conf").write_text("include /etc/ld.so.conf.d/*.conf\n")
        (root / "etc" / "ld.so.conf.d").mkdir()
        if family == "fedora":
            (root / "etc" / "ld.so.conf.d" / "lib64.conf").write_text("/usr/lib64\n")
        subprocess.run(["ldconfig", "-r", root], check=True, capture_output=True)
    return root


def hook_entry(hook, stage, config=None, arguments=(), env=None):
    args = [hook.name, *([f"--config={config}"] if config else []), *arguments, stage]
    return {"path": str(hook), "args": args, "env": env if env is not None else []}


def config_json(args, env=(), readonly=False):
    caps = {kind: list(CAPABILITIES) for kind in ("bounding", "effective", "permitted")}
    return {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs", "readonly": readonly},
        "hostname": "test",
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0}, "args": list(args), "cwd": "/",
            "env": ["PATH=/bin:/usr/bin", *env], "capabilities": caps, "noNewPrivileges": True,
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs",
             "options": ["nosuid", "noexec", "nodev", "ro"]},
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind}
                           for kind in ("pid", "network", "ipc", "uts", "mount")],
        },
    }


def listing(root, without=("etc/ld.so.cache",)):
    """Everything below a directory: {path: (type and permissions, size, link target, content)}."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = pathlib.Path(directory) / name
            place = str(path.relative_to(root))
            if place in without:
                continue
            status = path.lstat()
            target = os.readlink(path) if path.is_symlink() else None
            size = None if stat.S_ISDIR(status.st_mode) else status.st_size
            content = zlib.crc32(path.read_bytes()) if stat.S_ISREG(status.st_mode) else None
            found[place] = (oct(status.st_mode), status.st_uid, size, target, content)
    return found


def mark(path):
    """Gives a file an owner, a setuid bit, an old time, an ACL and a user attribute, as far as its file
    system has them; content and other names stay."""
    acl = struct.pack("<I" + "HHI" * 5, 2, 1, 6, NO_ID, 2, 4, 1234, 4, 4, NO_ID, 0x10, 4, NO_ID, 0x20, 4, NO_ID)
    os.chown(path, 1234, 1235)
    for name, value in (("user.note", b"text"), ("system.posix_acl_access", acl)):
        with contextlib.suppress(OSError):
            os.setxattr(path, name, value)
    path.chmod(0o4754)
    os.utime(path, ns=(10**18 + 7, 10**18 + 7))


def marks(path):
    status = path.lstat()
    return {"inode": status.st_ino, "names": status.st_nlink, "mode": status.st_mode,
            "owner": (status.st_uid, status.st_gid), "time": status.st_mtime_ns,
            "attributes": {name: os.getxattr(path, name) for name in os.listxattr(path)}}


def cached_libraries(cache):
    """What an ld.so.cache says, in its order: [(SONAME, path)]."""
    text = subprocess.run(["ldconfig", "-p", "-C", cache], check=True, capture_output=True,
                          text=True).stdout
    return re.findall(r"^\t(\S+) \(.*\) => (\S+)$", text, re.M)


def parse_mountinfo(text):
    """{mount point: (options, propagation fields, type)}; the topmost mount of a point counts."""
    out = {}
    for line in text.splitlines():
        words = line.split(" ")
        dash = words.index("-")
        out[words[4]] = (set(words[5].split(",")), words[6:dash], words[dash + 1])
    return out


def answers(output):
    """Those of look.c: {query: answer}."""
    found = {}
    for line in output.splitlines():
        with contextlib.suppress(ValueError, TypeError):
            entry = json.loads(line)
            found[entry["query"]] = entry["result"]
    return found


class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr
        self.host_mounts = None  # before and after, where they were recorded
        self.answers = answers(self.out)

    def __getitem__(self, query):
        assert query in self.answers, f"no answer to {query}: {self.out}\n{self.err}"
        return self.answers[query]


def without_starts(log):
    """The lines of a log but those of level info: one for each start."""
    lines = log.read_text().splitlines(keepends=True) if log.exists() else ()
    return "".join(line for line in lines if " info: " not in line)


def fnv1a(text):
    number = 14695981039346656037
    for byte in text.encode():
        number = (number ^ byte) * 1099511628211 % 2**64
    return number


def claims_directory(rootfs):
    """Where the claims on a root file system are."""
    number = f"{fnv1a(str(rootfs)):016x}"
    return pathlib.Path("/run/grapnel/roots", number[:2], number)


def beside(rootfs, pattern):
    """A path made of the pattern whose claims lie beside those on `rootfs`."""
    paths = (pattern.format(number) for number in itertools.count())
    wanted = claims_directory(rootfs).parent
    return next(path for path in paths if claims_directory(path).parent == wanted)


def record_header(rootfs):
    return json.dumps({"version": 2, "rootfs": str(rootfs), "root_inode": 1, "root_born": 0}) + "\n"


def process_identity(pid):
    """As a claim names its container's process."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{pid}-{stat[19]}-{os.stat('/proc/self/ns/pid').st_ino}"


def make_records(rootfs_paths, holder=None):
    """Of living containers, whose process is `holder`, or of ones that ended without poststop."""
    if holder is None:
        ended = subprocess.Popen(["true"])
        identity = f"{ended.pid}-1-{os.stat('/proc/self/ns/pid').st_ino}"
        ended.wait()
    else:
        identity = process_identity(holder)
    records = pathlib.Path("/run/grapnel/containers")
    records.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = []
    for number, rootfs in enumerate(rootfs_paths):
        key = f"{number:064x}-{0:016x}"
        made.append(records / f"{key}.jsonl")
        made[-1].write_text(record_header(rootfs))
        claims = claims_directory(rootfs)
        claims.mkdir(mode=0o700, parents=True, exist_ok=True)
        (claims / key).symlink_to(identity)
    return made


class Bundle:
    """A bundle with a rootfs of its own and the hook registered."""

    def __init__(self, directory, hook, tools, family="debian"):
        self.directory = directory
        self.hook = hook
        self.tools = tools
        directory.mkdir(parents=True, exist_ok=True)
        self.root = make_rootfs(directory / "rootfs", tools, family)
        self.config = config_json(["/bin/true"])
        self.settings = None
        self.host = ()  # a command that runs another in a host of its own
        self.name = "grapnel-" + re.sub(r"\W", "-", directory.name)[-80:]
        self.config["linux"]["cgroupsPath"] = f"{CGROUP}/{self.name}"
        self.log = directory / "grapnel.log"
        self.set_settings("")
        self.register("prestart", "poststop")

    def set_settings(self, text):
        self.settings = self.directory / "config.toml"
        self.settings.write_text(f'log = "{self.log}"\n{text}')

    def register(self, *stages, arguments=(), env=None):
        self.config["hooks"] = {stage: [hook_entry(self.hook, stage, self.settings, arguments, env)]
                                for stage in stages}

    def env(self, *entries):
        self.config["process"]["env"] = ["PATH=/bin:/usr/bin", *entries]
        return self

    def write_config(self, args):
        config = copy.deepcopy(self.config)
        config["process"]["args"] = list(args)
        (self.directory / "config.json").write_text(json.dumps(config, indent=1))

    def runtime_command(self, runtime, *arguments):
        prefix = ["env", f"LD_PRELOAD={self.tools.shim}"] if runtime == "crun" else []
        return [*prefix, runtime, "--root", str(self.directory / "state"), *arguments]

    def run(self, runtime, cgroup, *queries, args=None, timeout=60, setup=":"):
        """Runs the container to its end; queries are those of look.c."""
        self.write_config(args or ["/bin/look", *queries])
        record = self.directory / "mounts"
        command = watched(self.runtime_command(runtime, "run", self.name), record)
        # a pipe: crun changes the owner of what is its stdin in a user namespace
        process = subprocess.run([*self.host, *in_cgroup_view(cgroup, command, setup)],
                                 cwd=self.directory, input="", capture_output=True, text=True, timeout=timeout,
                                 check=False)
        result = Result(process)
        result.host_mounts = [record.with_suffix(end).read_text() for end in (".before", ".after")]
        return result

    def state(self, **changes):
        """The state that a runtime would give to the hook, without a container."""
        return json.dumps({"ociVersion": "1.0.2", "id": self.name, "status": "created",
                           "bundle": str(self.directory), **changes})

    def call_hook(self, stage, *arguments, state=None, args=("/bin/true",)):
        """Runs the hook by hand."""
        self.write_config(args)
        return subprocess.run(
            [*self.host, self.hook, f"--config={self.settings}", *arguments, stage],
            input=self.state() if state is None else state, capture_output=True, text=True,
            timeout=60, env={"PATH": os.environ["PATH"]} if self.host else {}, check=False)

    def plan(self):
        process = self.call_hook("prestart", "--dry-run")
        assert process.returncode == 0, process.stderr
        return json.loads(process.stdout)

    def add_hook(self, stage, *command, first=False):
        """Another program's hook, run after ours or first of all."""
        entry = {"path": str(command[0]), "args": [str(word) for word in command],
                 "env": [f"PATH={os.environ['PATH']}"]}
        hooks = self.config["hooks"].setdefault(stage, [])
        hooks.insert(0 if first else len(hooks), entry)

    def show_proc_driver(self):
        """On a host with the driver every procfs shows /proc/driver/nvidia; here it is a mount
        of the simulated host, which has to be put into the container's procfs."""
        self.add_hook("prestart", SUPPORT / "proc_driver_hook", self.root, first=True)
        return self

    @property
    def record(self):
        """The cleanup record: the ID and FNV-1a of the bundle's path."""
        return pathlib.Path("/run/grapnel/containers",
                            f"{self.name}-{fnv1a(str(self.directory)):016x}.jsonl")

    def recorded(self):
        """What the record says was made: {path: entry}, in that order."""
        lines = [json.loads(line) for line in self.record.read_text().splitlines() if line]
        return {line["path"]: line for line in lines if "inode" in line}

    def logged(self):
        return without_starts(self.log)


def remove_test_cgroups():
    """Runtimes remove a container's cgroup; its parent is ours, and what podman adds to that. A parent
    that was busy at the end of its process, as one with podman's conmon, goes with the next."""
    mounts = pathlib.Path("/sys/fs/cgroup")
    own = CGROUP.lstrip("/")
    name = own.removesuffix(str(os.getpid())) + "*"
    for directory in (*mounts.glob(f"*/{name}"), *mounts.glob(name)):
        if directory.name != own and os.path.exists(f"/proc/{directory.name.rpartition('-')[2]}"):
            continue
        for made in (directory / "conmon", directory):
            with contextlib.suppress(OSError):
                made.rmdir()
