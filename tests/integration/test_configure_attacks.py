# SPDX-License-Identifier: Apache-2.0
"""grapnel configure where something goes wrong: killed, a full disk, several at once, odd files."""

import json
import os
import random
import subprocess
import time

import pytest

RUNTIME = "/bin/true"
CALLS = ("open,openat", "write", "fchmod", "flock", "fsync", "linkat", "unlinkat",
         "rename,renameat")
PLUGIN = "io.containerd.grpc.v1.cri"


class Files:
    """The configuration of an engine in a directory of its own."""

    def __init__(self, directory, engine, text):
        self.directory, self.engine = directory, engine
        self.main = directory / ("daemon.json" if engine == "docker" else "config.toml")
        if text is not None:
            self.main.write_bytes(text)
        where = {"docker": ["--config", self.main], "podman": ["--hook-dir", directory]}
        more = ["--config", self.main, "--drop-in", directory / "conf.d" / "99-grapnel.toml"]
        program = "--hook-path" if engine == "podman" else "--runtime-path"
        self.words = ["configure", engine, *where.get(engine, more), program, RUNTIME]
        (directory / "conf.d").mkdir()

    def found(self):
        return {str(path.relative_to(self.directory)): path.read_bytes()
                for path in self.directory.rglob("*") if path.is_file()}


@pytest.fixture
def files(tmp_path):
    count = iter(range(10_000))

    def make(engine, text):
        directory = tmp_path / f"{engine}{next(count)}"
        directory.mkdir()
        return Files(directory, engine, text)
    return make


TEXTS = {"docker": b'{"debug": true}', "containerd": b"version = 2\nroot = '/r'\n",
         "crio": b"[crio.runtime]\nlog_level = 'info'\n", "podman": None}


@pytest.mark.parametrize("back", [False, True], ids=["set", "unset"])
@pytest.mark.parametrize("engine", TEXTS)
def test_a_killed_run_leaves_nothing_half_done(grapnel, files, engine, back):
    """At each of its calls that has to do with a file."""
    model = files(engine, TEXTS[engine])
    before = model.found()
    grapnel(*model.words)
    allowed = {}
    for name, text in [*before.items(), *model.found().items()]:
        allowed.setdefault(name, set()).add(
            text.replace(bytes(model.directory), b"DIRECTORY"))
    kills = 0
    for call in CALLS:
        for number in range(1, 100):
            case = files(engine, TEXTS[engine])
            if back:
                grapnel(*case.words)
            ended = subprocess.run(
                ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                 f"inject={call}:signal=KILL:when={number}", grapnel.program,
                 *map(str, case.words), *["--unset"] * back], capture_output=True, timeout=20)
            found = {name: text.replace(bytes(case.directory), b"DIRECTORY")
                     for name, text in case.found().items() if not name.endswith(".grapnel-new")}
            assert all(text in allowed[name] for name, text in found.items()), (call, number)
            if engine == "podman" and "99-grapnel.json" in found:
                assert "99-grapnel-poststop.json" in found, (call, number)
            grapnel(*case.words)
            grapnel(*case.words, "--unset")
            assert case.found() == before, f"after {call} {number}"
            if ended.returncode == 0:
                break
            kills += 1
    assert kills > 5


def test_of_several_runs_at_once_none_is_lost(grapnel, files):
    case = files("docker", b"{}\n")
    done = set()
    for number in range(25):
        names = [f"r{number}.{one}" for one in range(6)]
        words = [grapnel.program, *map(str, case.words), "--runtime-name"]
        running = {name: subprocess.Popen([*words, name], stdout=subprocess.DEVNULL,
                                          stderr=subprocess.PIPE, text=True) for name in names}
        for name, process in running.items():
            error = process.communicate(timeout=20)[1]
            assert process.returncode == 0 or "just now: try again" in error
            if process.returncode == 0:
                done.add(name)
        assert set(json.loads(case.main.read_text())["runtimes"]) == done
    assert len(done) >= 25
    assert not [name for name in case.found() if name.endswith(".grapnel-new")]


@pytest.mark.parametrize("text", [None, b'{"debug": true}', b'{"runtimes": {}}',
                                  b'{"runtimes": {"a": {"path": "/other"}}}'])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_removing_one_of_two_runtimes_restores_none(grapnel, files, text, order):
    case = files("docker", text)
    before = case.found()
    for name in "ab":
        grapnel(*case.words, "--runtime-name", name)
    for name in order:
        grapnel(*case.words, "--runtime-name", name, "--unset")
    assert case.found() == before


@pytest.mark.parametrize("engine", ["docker", "containerd", "crio"])
def test_a_full_disk_leaves_files_unchanged(grapnel, tmp_path, engine):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        case = Files(disk, engine, TEXTS[engine])
        with open(disk / "fill", "wb") as fill, pytest.raises(OSError):
            while True:
                os.write(fill.fileno(), b"x" * 4096)
        before = case.found()
        error = grapnel(*case.words, code=1).stderr
        assert "No space left on device" in error and error.count("\n") == 1
        assert case.found() == before
    finally:
        subprocess.run(["umount", disk], check=True)


def test_deeply_nested_keys_are_refused_with_line(grapnel, files):
    deep = ".".join(["a"] * 100_000)
    for text in (f"version = 2\n[{deep}]\n", f"version = 2\n{deep} = 1\n",
                 "version = 2\na = " + "[" * 300, "version = 2\n[" + "'='." * 50_000 + "a]\n"):
        for engine in ("containerd", "crio"):
            case = files(engine, text.encode())
            error = grapnel(*case.words, code=1).stderr
            assert f"{case.main}:2: tables nest deeper than 32 levels" in error
            assert case.found() == {"config.toml": text.encode()}


# Random files, each as somebody could have written it.

VALUES = ["true", "null", "-1.5e3", r'"a\u00e9\"}{"', '"/usr/bin/runc"', '""',
          "18446744073709551616"]
RUNTIMES = [None, "null", "{}", "{ }", '{"runc": {"path": "/r"}}', '{"nvidia": null, "b": {}}',
            '{\r\n"nvidia": {"path": "/usr/bin/nvidia-container-runtime", "runtimeArgs": []}}',
            '{"nvidia": {"runtimeType": "io.x"}}', r'{"n\u0076idia": {"p\u0061th": "x"}}']
FEATURES = [None, None, "{}", "null", '{"cdi": false}', '{"cdi":true }', '{"a": true,"cdi" :null}']


def json_value(dice, depth=0):
    kind = dice.randrange(2 if depth > 3 else 4)
    if kind < 2:
        return dice.choice(VALUES)
    blank = dice.choice(["", " ", "\n", "\r\n\t"])
    inner = [json_value(dice, depth + 1) for _ in range(dice.randrange(4))]
    if kind == 3:
        inner = [f'"k{number}"{blank}:{blank}{value}' for number, value in enumerate(inner)]
    begin, end = ("[", "]") if kind == 2 else ("{", "}")
    return begin + blank + f"{blank},{blank}".join(inner) + blank + end


def daemon_json(dice):
    blank = dice.choice(["\n", "\r\n", "\n  ", "\n\t", " ", ""])
    keys = dice.sample(["debug", "x-y", "", r"\u0061"], dice.randrange(4))
    members = [f'"{key}":{dice.choice(["", " "])}{json_value(dice)}' for key in keys]
    for key, values in (("runtimes", RUNTIMES), ("features", FEATURES),
                        ("default-runtime", [None, None, '"runc"', '"nvidia"', "null", "7"])):
        value = dice.choice(values)
        if value is not None:
            members.insert(dice.randrange(len(members) + 1), f'"{key}"{blank}: {value}')
    text = "{" + blank + f",{blank}".join(members) + blank + "}"
    return dice.choice(["", "", "\ufeff", "\n"]) + text + dice.choice(["", blank, "\n\n "])


LINES = ["# a comment with imports = [ and '''", "root = '/r'", "oom_score = -999 # = [", "",
         'state = """\nimports = ["x"]\n[t]\n"""', "a.b.c = { x = [1, 2], y = '#' }",
         "'quo ted' = '''\n[plugins]'''", "required_plugins = [ # one\n  'x', # two\n]",
         "date = 1979-05-27T07:32:00Z"]
VERSIONS = [None, "version = 2", "version=3 # v", " 'version' = 2"]
IMPORTS = [None, None, "imports = []", "imports = ['/nowhere/*.toml']", '"imports" = [ # none\n]',
           "imports = [\n  '/n/*.toml', # , ]\n  \"/m/*.toml\"\n]", "'imports'=['/a/*.toml',]",
           "imports = [ '/a/*.toml' , \n\t'/b/*.toml' , # last\n ] # behind"]
TABLES = ["[debug]\n  level = 'info'", "[[array]]\nimports = ['z']\n[[array]]", "[timeouts]\n",
          "[ 'grpc' ]\naddress = \"a\"", '[plugins."other"]\n  x = { y = 1 }']


def config_toml(dice):
    lines = dice.sample(LINES, dice.randrange(6))
    for line in filter(None, (dice.choice(VERSIONS), dice.choice(IMPORTS))):
        lines.insert(dice.randrange(len(lines) + 1), line)
    lines += dice.sample(TABLES, dice.randrange(4))
    text = "\n".join(lines) + dice.choice(["", "\n", "\n\n  # end"])
    return dice.choice(["", "", "\ufeff"]) + text.replace("\n", dice.choice(["\n", "\r\n"]))


@pytest.mark.parametrize("engine", ["docker", "containerd", "crio"])
def test_what_was_there_comes_back_byte_by_byte(grapnel, files, engine):
    dice = random.Random(8)
    for _ in range(150):
        text = (daemon_json if engine == "docker" else config_toml)(dice).encode()
        case = files(engine, text)
        cdi = ["--cdi"] * dice.randrange(2)
        words = [*case.words, *cdi, *["--set-as-default"] * dice.randrange(2)]
        grapnel(*words)
        first = case.found()
        assert first != {case.main.name: text}
        assert grapnel(*words).stdout == "nothing to change\n", text
        grapnel(*case.words, *cdi, "--unset", "--dry-run")
        assert case.found() == first, text
        grapnel(*case.words, *cdi, "--unset")
        assert case.found() == {case.main.name: text}, text


def test_unreadable_and_unwritable_files_have_a_cure(grapnel, files, tmp_path):
    case = files("docker", b"{}\n")
    other = tmp_path / "mounted"
    other.write_text("{ }\n")
    subprocess.run(["mount", "--bind", other, case.main], check=True)
    try:
        error = grapnel(*case.words, code=1).stderr
    finally:
        subprocess.run(["umount", case.main], check=True)
    assert "busy: it is a mount: change the file that is mounted" in error
    assert (other.read_text(), case.main.read_text()) == ("{ }\n", "{}\n")
    case.main.chmod(0o600)
    os.chown(case.main, 1234, 1234)
    # without the right of root to read everything
    done = subprocess.run(["setpriv", "--bounding-set=-dac_override,-dac_read_search",
                           grapnel.program, *map(str, case.words)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Permission denied: run this as root, or as somebody who may read it" in done.stderr


@pytest.mark.parametrize("kind", ["file", "fifo", "directory"])
def test_exchanged_configuration_stays_whole(grapnel, files, tools, kind):
    """Somebody else exchanges the file with another one, again and again."""
    model, case = files("docker", TEXTS["docker"]), files("docker", TEXTS["docker"])
    grapnel(*model.words)
    allowed = {TEXTS["docker"], model.main.read_bytes()}
    other = case.directory / "other"
    if kind == "file":
        other.write_bytes(b'{"debug": false}')
        changed = files("docker", other.read_bytes())
        grapnel(*changed.words)
        allowed |= {other.read_bytes(), changed.main.read_bytes()}
    elif kind == "fifo":
        os.mkfifo(other)
    else:
        other.mkdir()
    racer = subprocess.Popen([tools.racer, case.main, other], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, text=True)
    codes = set()
    try:
        deadline = time.monotonic() + 20
        while codes != {0, 1} and time.monotonic() < deadline:
            done = subprocess.run([grapnel.program, *map(str, case.words)], capture_output=True,
                                  text=True, timeout=20, check=False)
            codes.add(done.returncode)
            assert done.returncode in (0, 1) and done.stderr.count("\n") == done.returncode, done
    finally:
        racer.communicate("")
    assert 0 in codes
    for path in case.directory.iterdir():
        if path.is_file():
            assert path.read_bytes() in allowed, path
            assert not path.name.endswith(".grapnel-new")
