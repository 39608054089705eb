# SPDX-License-Identifier: Apache-2.0
"""The rpm packages: built, linted, installed, upgraded, swapped and erased with running containers, by
rpm and dnf with rpm's own database on a Debian system."""

import json
import re

from fresh_system import TOP, first_block
from installed import IMAGE
import rpm_stand_ins as stand_ins

# Debian 12's rpm refuses to manage a Debian system without this option, which Debian 13's does not know.
RPM = "rpm $(! rpm --force-debian --version > /dev/null 2>&1 || echo --force-debian)"
DNF = "dnf --assumeyes --disablerepo='*' --releasever=1 --setopt=install_weak_deps=0"
# macros of each distribution for the directories that differ
LAYOUTS = {"Fedora": {"_libexecdir": "/usr/libexec", "_libdir": "/usr/lib64", "fedora": "40"},
           "RHEL 9": {"_libexecdir": "/usr/libexec", "_libdir": "/usr/lib64", "rhel": "9"},
           "openSUSE": {"_libexecdir": "/usr/lib", "_libdir": "/usr/lib64", "suse_version": "1600"}}
RHEL_GLIBC = (2, 34)


def build_lines():
    return first_block((TOP / "rpm/README.md").read_text(), "Build")


def build(system):
    for line in build_lines():
        system.run(line)


def check_lint(system):
    said = system.run("rpmlint --config rpm/rpmlint.toml rpm/grapnel.spec ../*.rpm")
    assert "0 errors, 0 warnings" in said, said


def check_layouts(system):
    """Files and scriptlets are the same, whatever macros a distribution has."""
    parsed = {}
    for name, macros in LAYOUTS.items():
        defines = " ".join(f"--define '{macro} {value}'" for macro, value in macros.items())
        text = system.run(f"rpmspec {defines} -P rpm/grapnel.spec")
        parsed[name] = text[text.index("%description"):]
    assert "/usr/libexec/grapnel" in parsed["openSUSE"], parsed
    assert len(set(parsed.values())) == 1, parsed


def check_requirements(system):
    """What Debian 12 builds runs on RHEL 9 too."""
    required = system.run("rpm -qp --requires ../grapnel-*.x86_64.rpm")
    versions = {tuple(map(int, one.split("."))) for one in re.findall(r"GLIBC_([0-9.]+)", required)}
    assert versions and max(versions) <= RHEL_GLIBC, required


class Rpms:
    """What rpm and dnf do on a machine with the packages in /root."""

    def __init__(self, machine):
        self.machine = machine
        self.run = machine.run

    def prepare(self):
        self.run("apt-get update; apt-get install rpm dnf cpio")
        given = self.packages("/root")
        stand_ins.make_system(self.machine, given, "/tmp/system")
        stand_ins.make_nvidias(self.machine, "/tmp/nvidias")
        for package in given:
            stand_ins.make_newer(self.machine, package, "/tmp/newer")
        self.run(f"{RPM} -U {stand_ins.built(self.machine, '/tmp/system')}")

    def packages(self, directory):
        return [name for name in self.run(f"ls {directory}/grapnel-*.rpm").split() if ".src." not in name]

    def installed(self):
        return set(self.run("rpm -qa --qf '%{NAME}\\n'").split()) - {"system"}

    def install(self):
        self.machine.write("/etc/grapnel/config.toml.new", "# mine\n")
        self.run(f"{RPM} -U {' '.join(self.packages('/root'))}")
        assert self.machine.read("/etc/grapnel/config.toml.new") == "# mine\n"
        self.run("rm /etc/grapnel/config.toml.new")
        assert self.installed() == {"grapnel", "grapnel-nvidia-compat"}
        self.run("grapnel-hook --version; nvidia-container-cli --version; rpm -V grapnel grapnel-nvidia-compat; "
                 "ls /usr/libexec/grapnel/grapnel-probe /usr/share/containers/oci/hooks.d/grapnel.json")
        assert self.machine.read("/etc/grapnel/config.toml") == self.machine.read("/usr/share/grapnel/config.toml")

    def upgrade(self):
        machine = self.machine
        before = machine.records()
        machine.start("docker-upgrade", "podman-upgrade")
        machine.write("/etc/grapnel/config.toml", "# mine\n")
        daemon = machine.read("/etc/docker/daemon.json")
        self.run(f"{DNF} upgrade {stand_ins.built(machine, '/tmp/newer')}")
        assert self.run("rpm -q --qf '%{RELEASE}' grapnel") == "2"
        machine.check_stop("docker-upgrade", "podman-upgrade")
        assert machine.records() == before
        assert machine.read("/etc/grapnel/config.toml") == "# mine\n"
        assert machine.read("/etc/docker/daemon.json") == daemon

    def swap(self):
        """One command each way; containers of both names run on."""
        machine = self.machine
        daemon = json.loads(machine.read("/etc/docker/daemon.json"))
        daemon["runtimes"]["named"] = {"path": "nvidia-container-runtime"}
        machine.write("/etc/docker/daemon.json", json.dumps(daemon))
        self.run("systemctl restart docker")
        machine.start("docker-named", runtime="named")
        machine.start("docker-kept", "podman-kept")
        said = self.run(f"{DNF} install --allowerasing {stand_ins.built(machine, '/tmp/nvidias')}")
        assert self.installed() == {"grapnel", *stand_ins.nvidias.PACKAGES}
        assert "names nvidia-container-runtime, which is removed" not in said, said
        assert "exec runc" in machine.read("/usr/bin/nvidia-container-runtime")
        machine.write_cdi_files()
        self.run(f"docker run --rm --runtime=named {IMAGE} sleep 0")
        machine.check_stop("docker-named")
        compat = next(name for name in stand_ins.built(machine, "/tmp/newer").split() if "compat" in name)
        self.run(f"{DNF} install --allowerasing {compat}")
        assert self.installed() == {"grapnel", "grapnel-nvidia-compat"}
        machine.check_names()
        machine.check_gpus("docker run --rm --runtime=named --env NVIDIA_VISIBLE_DEVICES=all IMAGE nvidia-smi -L")
        machine.check_cdi_files()
        self.run("rm -r /etc/cdi")
        machine.check_stop("docker-kept", "podman-kept")

    def erase(self):
        machine = self.machine
        self.run("cp /usr/share/grapnel/config.toml /etc/grapnel/config.toml")
        machine.start("docker-named", runtime="named")
        machine.start("docker-erased", "podman-erased")
        said = self.run(f"{RPM} -e grapnel-nvidia-compat grapnel")
        assert "/etc/docker/daemon.json names nvidia-container-runtime, which is removed" in said, said
        daemon = json.loads(machine.read("/etc/docker/daemon.json"))
        assert "nvidia" not in daemon["runtimes"], daemon
        daemon["runtimes"].pop("named")
        machine.write("/etc/docker/daemon.json", json.dumps(daemon))
        machine.check_stop("docker-named", "docker-erased", "podman-erased")
        machine.check_no_programs()
        left = {path for path in machine.files() - machine.before if re.search("grapnel|nvidia", path)
                and not path.startswith(("/var/lib/rpm", "/var/cache", "/etc/nvidia-container-runtime"))}
        assert not left, sorted(left)

    def divert(self):
        """A program that no package owns comes back, and no file is lost; NVIDIA's settings apply, and stay."""
        machine = self.machine
        program = "/usr/bin/nvidia-container-cli"
        for path in (program, f"{program}.diverted", f"{program}.grapnel-diverted"):
            machine.write(path, f"{path}\n")
        machine.write("/etc/nvidia-container-runtime/config.toml", 'supported-driver-capabilities = "utility"\n')
        self.run(f"{RPM} -U {' '.join(self.packages('/root'))}; nvidia-container-cli --version")
        assert not (machine.root / "etc/grapnel/config.toml").exists(), "an empty file hides NVIDIA's settings"
        assert json.loads(machine.plan())["driver_capabilities"] == ["utility"]
        self.run(f"{DNF} upgrade {stand_ins.built(machine, '/tmp/newer')}; "
                 f"{DNF} remove grapnel grapnel-nvidia-compat")
        for path, at in ((program, program), (f"{program}.diverted", f"{program}.diverted"),
                         (f"{program}.grapnel-diverted", f"{program}.grapnel-diverted.~1~")):
            assert machine.read(at) == f"{path}\n", at
        self.run(f"rm {program}.*")
        assert "utility" in machine.read("/etc/nvidia-container-runtime/config.toml")
        machine.check_no_programs(besides="nvidia-container-cli")


def steps(machine):
    rpms = Rpms(machine)
    return [("rpm, dnf and stand-ins are installed", rpms.prepare),
            ("docker.io, podman and runc are installed", machine.install_engines),
            ("rpm installs the packages", rpms.install),
            ("README's first container finds its driver", machine.run_first_container),
            ("docker run --gpus finds its driver", machine.run_with_gpus),
            ("podman finds its driver by hooks.d", machine.run_with_podman),
            ("upgrade with running containers", rpms.upgrade),
            ("swap to NVIDIA's names and back", rpms.swap),
            ("erased with running containers", rpms.erase),
            ("program that no package owns comes back", rpms.divert)]
