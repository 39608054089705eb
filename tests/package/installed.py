# SPDX-License-Identifier: Apache-2.0
"""A machine with a simulated driver, on which the packages are installed, used and removed."""

import json
import re

import make_driver
import nvidias
import pages
from engines import podman
from fresh_system import TOP, Session, first_block

IMAGE = "docker.io/library/look:1"
COMPAT = ("nvidia-container-cli", "nvidia-container-runtime",
          "nvidia-container-runtime-hook", "nvidia-container-toolkit", "nvidia-ctk", "nvidia-cdi-hook")
# of the CDI files that NVIDIA's tools wrote, by their kinds: the first words of their hooks
CDI_HOOKS = {"nvidia.com/gpu": ("nvidia-cdi-hook",), "ctk.nvidia.com/gpu": ("nvidia-ctk", "hook")}
PROGRAMS = ("grapnel", "grapnel-cli", "grapnel-hook", "grapnel-runtime")
DAEMON = {"storage-driver": "vfs", "iptables": False, "ip6tables": False, "bridge": "none",
          "ip-forward": False, "cgroup-parent": "/grapnel-package"}
CONTAINERS_CONF = podman.CONTAINERS_CONF + 'runtime = "runc"\n'
# `systemctl restart docker` of README, where no systemd runs
SYSTEMCTL = r"""#!/bin/sh
[ "$*" = 'restart docker' ] || exit 0
if [ -s /run/docker.pid ]; then
    kill "$(cat /run/docker.pid)"
    while [ -e /run/docker.pid ]; do sleep 0.1; done
fi
dockerd --live-restore > /var/log/dockerd.log 2>&1 &
for try in $(seq 1800); do docker version > /dev/null 2>&1 && exit; sleep 0.1; done
tail -20 /var/log/dockerd.log
exit 1
"""
# packages run ldconfig, which replaces its file
DRIVER = ("umount /etc/ld.so.cache; printf '/opt/nvidia/lib64\n/opt/nvidia/lib32\n' "
          "> /etc/ld.so.conf.d/driver.conf; ldconfig; ")
CGROUPS = ("umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; "
           "mkdir -p /sys/fs/cgroup/grapnel-package")
ALL_FILES = ("find /etc /usr /opt /srv /var/lib /var/log /var/spool /run -xdev "
             "\\( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /run/user \\) -prune -o -print")


class Machine:
    def __init__(self, system):
        self.system = system
        self.root = system.root
        self.session = Session(system, "/driver")
        self.run("export DEBIAN_FRONTEND=noninteractive; set +e; " + DRIVER + CGROUPS)
        self.before = self.files()

    def run(self, command, check=True):
        return self.session.run(f"export DEBIAN_FRONTEND=noninteractive; {command}", check)

    def files(self):
        return set(self.run(ALL_FILES).splitlines())

    def read(self, path):
        return self.run(f"cat {path}")

    def write(self, path, text):
        (self.root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path.lstrip("/")).write_text(text)

    def end(self):
        self.run("for id in $(docker ps -q); do docker rm -f $id; done; podman rm -fa", check=False)
        self.run("[ ! -s /run/docker.pid ] || { kill $(cat /run/docker.pid); "
                 "while [ -e /run/docker.pid ]; do sleep 0.1; done; }; "
                 "find /sys/fs/cgroup/grapnel-package -depth -type d -exec rmdir {} +", check=False)
        self.session.end()

    # installation

    def install(self, line):
        self.run(f"apt-get update; {line}")

    def check_installed(self):
        version = self.run("dpkg-query -W -f '${Version}' grapnel").split("-")[0]
        for name in PROGRAMS + COMPAT:
            said = self.run(f"{name} --version", check=False)  # a runtime fails without runc and crun
            assert version in said, f"{name}: {said}"
            self.run(f"ls /usr/share/man/man[18]/{name}.[18].gz")
        self.run("ls /usr/libexec/grapnel/grapnel-probe /usr/share/doc/grapnel/SECURITY.md* "
                 "/usr/share/man/man5/grapnel.toml.5.gz "
                 "/usr/share/bash-completion/completions/{grapnel,nvidia-container-cli} "
                 "/usr/share/zsh/vendor-completions/_grapnel /usr/share/fish/vendor_completions.d/grapnel.fish")
        self.run("ls /lib/udev/rules.d/60-grapnel-cdi-refresh.rules "
                 "/etc/systemd/system/multi-user.target.wants/grapnel-cdi-refresh.{service,path}")
        self.run("ls /lib/systemd/system/grapnel-cdi-refresh-request.service")
        assert "/usr/bin/grapnel cdi refresh" in self.read("/lib/systemd/system/grapnel-cdi-refresh.service")
        settings = self.read("/etc/grapnel/config.toml").splitlines()
        active = [line for line in settings if line and not line.startswith(("#", "["))]
        assert not active, f"/etc/grapnel/config.toml sets {active}"
        assert not (self.root / "etc/docker").exists(), "an engine is configured by the installation"

    def check_names(self):
        """Each of NVIDIA's names runs Grapnel, and nothing was moved aside for it."""
        version = re.search(r"\d+\.\d+\.\d+", self.run("grapnel-hook --version"))[0]
        for name in COMPAT:
            said = self.run(f"{name} --version", check=False)
            assert version in said, f"{name}: {said}"
        self.run("! ls /usr/bin/*diverted* 2> /dev/null")

    def install_engines(self):
        self.run("apt-get install docker.io podman runc; command -v docker || apt-get install docker-cli")
        self.write("/etc/docker/daemon.json", json.dumps(DAEMON, indent=4) + "\n")
        self.write("/etc/containers/containers.conf", CONTAINERS_CONF)
        self.write("/etc/containers/storage.conf",
                   '[storage]\ndriver = "vfs"\ngraphroot = "/var/lib/containers/storage"\n'
                   'runroot = "/run/containers/storage"\n')
        self.write("/etc/containers/policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')
        self.write("/usr/local/bin/systemctl", SYSTEMCTL)
        (self.root / "usr/local/bin/systemctl").chmod(0o755)
        self.daemon_json = self.read("/etc/docker/daemon.json")
        self.run("systemctl restart docker; "
                 f"docker import --change 'ENV PATH=/bin:/usr/bin' /root/image.tar {IMAGE}; "
                 f"podman import --quiet --change 'ENV PATH=/bin:/usr/bin' /root/image.tar {IMAGE}")

    # containers

    def check_gpus(self, command):
        out = self.run(re.sub(r"\bIMAGE\b", IMAGE, command))
        listed = re.findall(r"^GPU \d+: .*\(UUID: (GPU-[^)]+)\)$", out, re.M)
        assert listed == [make_driver.uuid(index) for index in range(2)], f"{command}\n{out}"

    def run_first_container(self):
        for line in first_block((TOP / "README.md").read_text(), "First container"):
            if " nvidia-smi " in line:
                self.check_gpus(line)
            else:
                self.run(line)

    def run_with_gpus(self):
        self.check_gpus("docker run --rm --gpus all IMAGE nvidia-smi -L")

    def run_with_podman(self):
        """By README's line."""
        command, = (line for block in pages.blocks(TOP / "README.md") if block.place == "package"
                    for line in block.commands())
        self.check_gpus(command.replace("podman run", "podman run --cgroup-parent=/grapnel-package"))

    def start(self, *names, runtime="nvidia"):
        """Containers that run; a name that begins with the engine says the engine."""
        for name in names:
            option = f"--runtime={runtime}" if name.startswith("docker") else \
                "--cgroup-parent=/grapnel-package"
            self.run(f"{name.split('-')[0]} run --detach --name {name} {option} "
                     f"--env NVIDIA_VISIBLE_DEVICES=0 {IMAGE} sleep 100000")

    def check_stop(self, *names):
        """A container stops without an error of its engine, and its layer is as before."""
        for name in names:
            engine = name.split("-")[0]
            listed = self.run(f"{engine} exec {name} nvidia-smi -L")
            assert listed.count("GPU ") == 1, listed
            self.run(f"{engine} stop --time 1 {name}")
            state = self.run(f"{engine} inspect --format '{{{{.State.Status}}}}' {name}").strip()
            assert state == "exited", f"{name}: {state}"
            left = [line for line in self.run(f"{engine} diff {name}").splitlines()
                    if not re.search(r" (/etc|/etc/ld\.so\.cache|/run|/run/\.containerenv|/tmp)$", line)]
            assert not left, f"{name} leaves {left}"
            self.run(f"{engine} rm {name}")
        # of containerd, in the log of dockerd: a program that is missing, a hook that failed. "cleanup
        # warnings" are of a second removal, which finds nothing with runc alone either.
        complaints = [line for line in self.read("/var/log/dockerd.log").splitlines()
                      if "cleanup warnings" not in line and re.search(r"/(grapnel|nvidia)[a-z-]+\\*\"?: (no such|.*not found)|poststop", line)]
        assert not complaints, complaints

    def records(self):
        return self.run("ls /run/grapnel/containers 2> /dev/null || true").split()

    # changes of the packages

    def upgrade(self):
        before = self.records()
        self.start("docker-upgrade", "podman-upgrade")
        assert len(self.records()) == len(before) + 2
        settings = "# mine\n"
        self.write("/etc/grapnel/config.toml", settings)
        daemon = self.read("/etc/docker/daemon.json")
        self.run("apt-get install /root/newer/*.deb")
        assert "+newer" in self.run("dpkg-query -W -f '${Version}' grapnel")
        self.check_stop("docker-upgrade", "podman-upgrade")
        assert self.records() == before
        assert self.read("/etc/grapnel/config.toml") == settings
        assert self.read("/etc/docker/daemon.json") == daemon

    def swap(self):
        """Docker's file as nvidia-ctk writes it; names are all that changes owners."""
        daemon = json.loads(self.read("/etc/docker/daemon.json"))
        daemon["runtimes"]["named"] = {"path": "nvidia-container-runtime", "args": []}
        self.write("/etc/docker/daemon.json", json.dumps(daemon, indent=4))
        self.run("systemctl restart docker")
        self.start("docker-named", runtime="named")
        self.start("docker-kept", "podman-kept")
        self.run("apt-get install /root/nvidias/*.deb")
        assert self.run("dpkg-query -W -f '${Status}' grapnel-nvidia-compat", check=False).count("ok installed") == 0
        assert "exec runc" in self.read("/usr/bin/nvidia-container-runtime")
        self.run(f"docker run --rm --runtime=named {IMAGE} sleep 0")
        self.check_stop("docker-named")
        self.run(f"docker run --detach --name theirs --runtime=named {IMAGE} sleep 100000")
        self.run("apt-get install ../grapnel-nvidia-compat_*.deb")
        listed = self.run("dpkg-query -W -f '${Package} ${Status}\\n' '*nvidia-container*'")
        assert "toolkit install ok" not in listed and "tools install ok" not in listed, listed
        self.check_gpus(f"docker run --rm --runtime=named --env NVIDIA_VISIBLE_DEVICES=all {IMAGE} nvidia-smi -L")
        self.check_stop("docker-kept", "podman-kept")
        self.run("docker stop --time 1 theirs; docker rm theirs")
        self.check_names()
        self.run("dpkg --purge nvidia-container-toolkit")
        self.check_names()

    def write_cdi_files(self):
        for number, (kind, words) in enumerate(CDI_HOOKS.items()):
            self.write(f"/etc/cdi/nvidia{number}.yaml", nvidias.cdi_file(kind, *words))

    def check_cdi_files(self):
        """Their hooks make the link of a SONAME."""
        for kind in CDI_HOOKS:
            link = self.run(f"podman run --rm --cgroup-parent=/grapnel-package --device {kind}=0 {IMAGE} "
                            f"/bin/busybox readlink {nvidias.LIBRARIES}/libcuda.so.1")
            assert link.strip() == f"libcuda.so.{make_driver.VERSION}", f"{kind}: {link}"

    def keep_cdi_files(self):
        """NVIDIA's CDI files serve over a swap; without the package that has their hooks it is said."""
        self.run("apt-get install /root/nvidias/*.deb")
        self.write_cdi_files()
        self.run("apt-get install ../grapnel-nvidia-compat_*.deb; dpkg --purge nvidia-container-toolkit-base")
        self.check_cdi_files()
        said = self.run("apt-get remove grapnel-nvidia-compat")
        for number, words in enumerate(CDI_HOOKS.values()):
            assert f"/etc/cdi/nvidia{number}.yaml names {words[0]}, which is removed" in said, said
        command = "apt-get install grapnel-nvidia-compat"
        said = self.run("grapnel cdi validate", check=False)
        assert "names the hook /usr/bin/nvidia-cdi-hook, which is not there" in said, said
        assert f"run '{command}'" in said, said
        said = self.run("grapnel doctor", check=False)
        assert "GR1103" in said and command in said, said
        self.run("rm -r /etc/cdi; apt-get install ../grapnel-nvidia-compat_*.deb")

    def remove(self):
        self.start("docker-named", runtime="named")
        self.start("docker-removed", "podman-removed")
        self.name_in_docker("/usr/bin/grapnel-runtime")
        said = self.run("apt-get remove grapnel grapnel-nvidia-compat")
        assert "/etc/docker/daemon.json names nvidia-container-runtime, which is removed" in said, said
        assert "/etc/docker/daemon.json names a program that is removed" in said, said
        daemon = json.loads(self.read("/etc/docker/daemon.json"))
        assert "nvidia" not in daemon["runtimes"], daemon
        self.run("systemctl restart docker")
        self.run(f"docker run --rm {IMAGE} sleep 0")
        self.check_stop("docker-named", "podman-removed", "docker-removed")
        self.check_no_programs()

    def name_in_docker(self, program):
        """An entry of another hand: the runtime "mine", or without a program no such runtime."""
        daemon = json.loads(self.read("/etc/docker/daemon.json"))
        daemon.setdefault("runtimes", {}).pop("mine", None)
        if program:
            daemon["runtimes"]["mine"] = {"path": program}
        self.write("/etc/docker/daemon.json", json.dumps(daemon, indent=4))

    def check_no_programs(self, besides=""):
        left = self.run("ls -d /usr/bin/*grapnel* /usr/bin/nvidia-container* /usr/libexec/grapnel* "
                        f"2> /dev/null | grep -vx '/usr/bin/{besides}' || true")
        assert not left, left

    def purge(self):
        """In the order that is hardest: with containers running."""
        self.name_in_docker(None)
        self.run("apt-get install ../grapnel_*.deb ../grapnel-nvidia-compat_*.deb; "
                 "grapnel configure docker; systemctl restart docker")
        self.start("docker-purged", "podman-purged")
        for line in pages.commands("uninstalling.md", "package"):
            self.run(" ".join(line))
        self.run("systemctl restart docker")
        self.check_stop("docker-purged", "podman-purged")
        self.check_no_programs()
        self.run("dpkg --purge libnvidia-container-tools nvidia-container-toolkit nvidia-container-toolkit-base")
        left = {path for path in self.files() - self.before if re.search("grapnel|nvidia", path)}
        assert not left, sorted(left)

    def plan(self):
        bundle = {"ociVersion": "1.0.2", "root": {"path": "/"},
                  "process": {"args": ["true"], "cwd": "/", "env": ["NVIDIA_VISIBLE_DEVICES=all"]}}
        self.write("/tmp/bundle/config.json", json.dumps(bundle))
        return self.run("echo '{\"id\": \"x\", \"bundle\": \"/tmp/bundle\"}' "
                        "| nvidia-container-runtime-hook --dry-run prestart", check=False)

    def use_nvidias_settings(self):
        self.run("apt-get install /root/nvidias/*.deb")
        self.write("/etc/nvidia-container-runtime/config.toml",
                   'supported-driver-capabilities = "utility"\n')
        self.run("apt-get install ../grapnel_*.deb ../grapnel-nvidia-compat_*.deb")
        assert not (self.root / "etc/grapnel/config.toml").exists(), "an empty file hides NVIDIA's settings"
        assert json.loads(self.plan())["driver_capabilities"] == ["utility"]
        assert "utility" in self.read("/etc/nvidia-container-runtime/config.toml")
        self.run("apt-get purge grapnel grapnel-nvidia-compat")
        assert "utility" in self.read("/etc/nvidia-container-runtime/config.toml")

    def divert(self):
        """An administrator's own NAME.diverted does not prevent the installation, and stays."""
        self.write("/usr/bin/nvidia-container-cli", "mine\n")
        self.write("/usr/bin/nvidia-container-cli.diverted", "an earlier one\n")
        self.run("apt-get install ../grapnel_*.deb ../grapnel-nvidia-compat_*.deb; "
                 "nvidia-container-cli --version")
        self.run("apt-get install --reinstall ../grapnel_*.deb ../grapnel-nvidia-compat_*.deb")
        self.run("apt-get purge grapnel grapnel-nvidia-compat")
        assert self.read("/usr/bin/nvidia-container-cli") == "mine\n"
        assert self.read("/usr/bin/nvidia-container-cli.diverted") == "an earlier one\n"
        self.run("rm /usr/bin/nvidia-container-cli.diverted")
        assert "grapnel" not in self.run("dpkg-divert --list")

    def keep_copies(self):
        self.run("apt-get install ../grapnel_*.deb; grapnel configure docker")
        self.name_in_docker("/usr/bin/grapnel-runtime")
        self.run("apt-get purge grapnel")
        assert self.run("ls /etc/docker/daemon.json.grapnel-backup*")
        self.name_in_docker(None)
        self.run("apt-get install ../grapnel_*.deb; apt-get purge grapnel")
        assert not self.run("ls /etc/docker/daemon.json.grapnel-backup* 2> /dev/null || true")

    def run_autopkgtest(self):
        """debian/tests, in the way of autopkgtest: its packages, then its script."""
        control = self.read("debian/tests/control")
        packages = re.findall(r"^ ([a-z0-9-]+),?$", control, re.M)
        self.system.run("export DEBIAN_FRONTEND=noninteractive; apt-get install ../grapnel_*.deb "
                        f"{' '.join(packages)}; export AUTOPKGTEST_TMP=$(mktemp -d); debian/tests/main-job")
