# SPDX-License-Identifier: Apache-2.0
"""Installations and removals that are interrupted, repeated, or done by dpkg in another order than apt's."""

import subprocess

import nvidias
from installed import IMAGE

DEBS = "../grapnel_*.deb ../grapnel-nvidia-compat_*.deb"
POSTINST = "/var/lib/dpkg/info/grapnel.postinst"
PRERM = "/var/lib/dpkg/info/grapnel.prerm"
SETTINGS = "/usr/libexec/grapnel/install-settings"
# dpkg is the parent of a maintainer script, which is the parent of install-settings
KILL = "kill -9 $PPID; kill -9 $$"


def killed_in_preinst(package, directory):
    """The same package, whose preinst kills dpkg."""
    tree = directory / f"{package.stem}-killed"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    (tree / "DEBIAN/preinst").write_text(f"#!/bin/sh\n{KILL}\n")
    (tree / "DEBIAN/preinst").chmod(0o755)
    return nvidias.build(tree, directory)


class OddOrders:
    def __init__(self, machine):
        self.machine = machine
        self.run = machine.run

    def kill_in(self, script, line, command):
        """A script and its parent are killed before a line of it, an address of sed."""
        self.run(f"sed -i.whole '{line}i {KILL}' {script}; if {command}; then exit 1; fi; "
                 f"mv {script}.whole {script}")
        state = self.run("dpkg-query -W -f '${db:Status-Status}' grapnel")
        assert state == "half-configured", f"{script}, {line}: {state}"

    def check_whole(self):
        """Both packages are installed, and a container has its driver by NVIDIA's name."""
        assert self.run("dpkg --audit") == ""
        state = self.run("dpkg-query -W -f '${Status}\\n' grapnel grapnel-nvidia-compat")
        assert state == "install ok installed\n" * 2, state
        assert self.run("cmp /etc/grapnel/config.toml /usr/share/grapnel/config.toml; "
                        "ls -A /etc/grapnel") == "config.toml\n"
        self.machine.check_names()
        # which knows --gpus only if NVIDIA's name was there at its start
        self.run("grapnel configure docker; systemctl restart docker")
        self.machine.check_gpus("docker run --rm --gpus all IMAGE nvidia-smi -L")

    def check_nothing(self):
        self.machine.check_no_programs()
        self.run("! ls -d /etc/grapnel /run/grapnel /var/log/grapnel.log 2> /dev/null")

    def purge(self):
        self.run("apt-get purge grapnel grapnel-nvidia-compat")

    def purge_nvidias(self):
        self.run("dpkg --purge nvidia-container-toolkit nvidia-container-toolkit-base libnvidia-container-tools")

    def interrupt_installation(self):
        """Before the files lie there, and then before steps of postinst; dpkg --configure -a mends."""
        self.purge_nvidias()
        self.run("rm -f /usr/bin/nvidia-container-cli")
        self.run(f"if dpkg -i /root/killed/*.deb; then exit 1; fi; dpkg -i {DEBS}")
        self.check_whole()
        self.purge()
        self.run(f"dpkg --unpack {DEBS}")
        for line in ("/ cp /", "/ mv /"):
            self.kill_in(SETTINGS, line, "dpkg --configure -a")
        for line in ("/keep-programs forget/", "/deb-systemd-helper unmask/", "$"):
            self.kill_in(POSTINST, line, "dpkg --configure -a")
        self.run("dpkg --configure -a")
        self.check_whole()

    def interrupt_removal(self):
        """With a container running, by an error and by a kill after prerm; repeated once it has ended."""
        self.machine.start("docker-interrupted")
        self.run(f"sed -i.whole '$i exit 1' {PRERM}; if apt-get remove grapnel; then exit 1; fi; "
                 f"mv {PRERM}.whole {PRERM}; dpkg -s grapnel | grep 'ok installed'; "
                 "! ls -d /usr/libexec/grapnel-kept 2> /dev/null")
        self.kill_in(PRERM, "$", "apt-get remove grapnel")
        self.machine.check_stop("docker-interrupted")
        self.run("apt-get remove grapnel grapnel-nvidia-compat")
        self.machine.check_no_programs()
        self.purge()
        self.check_nothing()

    def install_again(self):
        """Removed and installed again while a container runs."""
        self.run(f"apt-get install {DEBS}")
        self.machine.start("docker-again", "podman-again")
        self.run("apt-get remove grapnel grapnel-nvidia-compat")
        self.machine.run("ls /usr/libexec/grapnel-kept/grapnel-hook")
        self.run(f"apt-get install {DEBS}")
        self.check_whole()
        self.run("! ls -d /usr/libexec/grapnel-kept 2> /dev/null")
        self.machine.check_stop("docker-again", "podman-again")

    def keep_other_files(self):
        """An administrator's files beside the settings stay as they are, over a first installation and a purge."""
        others = [f"/etc/grapnel/config.toml.{end}" for end in ("new", "dpkg-new")]
        for path in others:
            self.machine.write(path, "# mine\n")
        self.run(f"apt-get install {DEBS}; cmp /etc/grapnel/config.toml /usr/share/grapnel/config.toml")
        self.purge()
        for path in others:
            assert self.machine.read(path) == "# mine\n", path
        self.run(f"rm {' '.join(others)}; rmdir /etc/grapnel")

    def keep_changed_settings(self):
        """Over a removal; a purge takes them."""
        self.machine.write("/etc/grapnel/config.toml", "# mine\n")
        self.run("apt-get remove grapnel grapnel-nvidia-compat")
        assert self.machine.read("/etc/grapnel/config.toml") == "# mine\n"
        self.run(f"apt-get install {DEBS}")
        assert self.machine.read("/etc/grapnel/config.toml") == "# mine\n"
        self.purge()
        self.check_nothing()

    def swap_by_dpkg(self):
        """dpkg alone removes NVIDIA's packages in favour of the names, with their settings left."""
        self.run("apt-get install /root/nvidias/*.deb")
        self.run(f"dpkg -i {DEBS}")
        state = self.run("dpkg-query -W -f '${Package} ${db:Status-Status}\\n' '*nvidia-container*'")
        assert "toolkit installed" not in state and "tools installed" not in state, state
        self.run("ls /etc/nvidia-container-runtime/config.toml; nvidia-container-cli --version")

    def swap_where_diverted(self):
        """NVIDIA's packages get their names, also one that was diverted from a program of no package."""
        self.purge()
        self.machine.write("/usr/bin/nvidia-container-cli", "mine\n")
        self.run(f"apt-get install {DEBS}; apt-get install /root/nvidias/*.deb")
        assert self.machine.read("/usr/bin/nvidia-container-cli") == "#!/bin/sh\n"
        assert "grapnel" not in self.run("dpkg-divert --list")
        self.run("! ls /usr/bin/*diverted* 2> /dev/null; apt-get purge grapnel")
        self.purge_nvidias()
        self.check_nothing()

    def keep_local_diversion(self):
        """An administrator's own program of a diverted name stays the one that is called."""
        divert = "dpkg-divert --local --divert /usr/bin/nvidia-ctk.distrib"
        self.machine.write("/usr/bin/nvidia-ctk", "mine\n")
        self.run(f"{divert} --no-rename --add /usr/bin/nvidia-ctk; apt-get install {DEBS}")
        assert self.machine.read("/usr/bin/nvidia-ctk") == "mine\n"
        assert self.run("readlink /usr/bin/nvidia-ctk.distrib") == "grapnel\n"
        self.purge()
        assert self.machine.read("/usr/bin/nvidia-ctk") == "mine\n"
        self.run(f"rm /usr/bin/nvidia-ctk; {divert} --no-rename --remove /usr/bin/nvidia-ctk")
        self.check_nothing()


def steps(machine):
    orders = OddOrders(machine)
    return [("installation is interrupted at each step", orders.interrupt_installation),
            ("removal is interrupted, and repeated", orders.interrupt_removal),
            ("removed and installed again with running containers", orders.install_again),
            ("changed settings stay over a removal, and go with a purge", orders.keep_changed_settings),
            ("files beside the settings stay", orders.keep_other_files),
            ("dpkg alone swaps NVIDIA's packages", orders.swap_by_dpkg),
            ("swap where a program of no package was diverted", orders.swap_where_diverted),
            ("local diversion stays", orders.keep_local_diversion)]
