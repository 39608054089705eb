# SPDX-License-Identifier: Apache-2.0
"""A booted systemd with Grapnel's programs and the units that refresh CDI files, on a simulated driver."""

import pathlib
import shutil

import booted_systemd
import container
import make_driver

TOP = pathlib.Path(__file__).resolve().parents[2]
SERVICE = "grapnel-cdi-refresh.service"
PATH_UNIT = "grapnel-cdi-refresh.path"
REQUEST = "grapnel-cdi-refresh-request.service"
RULES = TOP / "config/systemd/grapnel-cdi-refresh.rules"
BINDIR = "/usr/local/bin"
SPEC = "/etc/cdi/static.json"
LIBRARIES = "/opt/nvidia/lib64"
UDEV = """[Unit]
DefaultDependencies=no
[Service]
Type=notify
ExecStart=/usr/lib/systemd/systemd-udevd
"""
# where the modules of the driver would be
ADD_MODULES = ("mount -t tmpfs tmpfs /sys/module; mkdir -p /sys/module/firmware_class/parameters; "
               "printf '\\n' > /sys/module/firmware_class/parameters/path; "
               "mkdir /sys/module/nvidia_uvm /sys/module/nouveau")
LDCONFIG = "ldconfig -X -f /etc/driver.conf -C /etc/ld.so.cache"


def install(directory, programs):
    """As meson installs the units, for programs of that directory."""
    text = (TOP / f"config/systemd/{SERVICE}.in").read_text()
    (directory / SERVICE).write_text(text.replace("@bindir@", str(programs)))
    for unit in (PATH_UNIT, REQUEST):
        shutil.copy(TOP / "config/systemd" / unit, directory)


class Machine:
    """/etc, /run, /dev and /opt are its own; the units' words go to a file."""

    def __init__(self, directory, programs):
        self.directory = directory
        self.systemd = booted_systemd.BootedSystemd("v2", directory)
        try:
            self._install(directory, programs)
            self._answer_probe(directory)
            self._write_file()
        except BaseException:
            self.end()
            raise

    def _install(self, directory, programs):
        self.log = directory / "units.log"
        units = directory / "machine/units"
        self.shell(f"mount --bind {programs} {BINDIR}")  # /tmp is hidden from the service
        install(units, BINDIR)
        (units / f"{SERVICE}.d").mkdir()
        # with these two a service gets a procfs and a sysfs of its own, without the simulated driver
        (units / f"{SERVICE}.d/test.conf").write_text(
            f"[Service]\nStandardOutput=append:{self.log}\nStandardError=append:{self.log}\n"
            "ProtectKernelTunables=no\nProtectControlGroups=no\n")
        self.systemd.systemctl("daemon-reload")

    def _answer_probe(self, directory):
        """A library that grapnel-probe can ask, and the settings by which it is found."""
        library = directory / "libnvidia-ml.so"
        container.compile_program("stand_in_nvml.c", library, "-shared", "-fPIC", '-DFACTS="/opt/nvidia/facts"',
                                  "-Wl,-soname,libnvidia-ml.so.1", "-Wno-format-truncation", "-Wno-array-bounds")
        facts = "".join(f"gpu {index:x} {make_driver.uuid(index)} {make_driver.minor(index, 2)} 2 9 0 0\n"
                        for index in range(2))
        self.shell(f"cp --remove-destination {library} {LIBRARIES}/libnvidia-ml.so.{make_driver.VERSION}; "
                   f"printf '{facts}' > /opt/nvidia/facts; mkdir -p /etc/grapnel; "
                   "mkdir -p /sys/bus/pci/drivers/nvidia; "  # an answer is kept for GPUs that the driver has
                   "ln -s /sys/bus/pci/devices/* /sys/bus/pci/drivers/nvidia; "
                   f"echo 'probe = \"{BINDIR}/grapnel-probe\"' > /etc/grapnel/config.toml")

    def _write_file(self):
        self.shell("umount /etc/ld.so.cache; { cat /etc/ld.so.conf; echo /opt/nvidia/lib64; } > /etc/driver.conf; "
                   f"mkdir -p /etc/cdi; {LDCONFIG}")
        self.shell(f"{BINDIR}/grapnel cdi generate --static --output={SPEC}")

    def shell(self, script, check=True):
        return self.systemd.run("sh", "-c", script, check=check).stdout

    def file(self):
        return self.shell(f"cat {SPEC}")

    def update(self, *names):
        """Adds libraries to the driver, as its installer does."""
        for name in names:
            self.shell(f"cp {LIBRARIES}/libnvidia-ml.so.{make_driver.VERSION} "
                       f"{LIBRARIES}/{name}.so.{make_driver.VERSION}; {LDCONFIG}")

    def enable(self):
        self.systemd.systemctl("enable", "--now", SERVICE, PATH_UNIT)

    def start_udev(self):
        """With the rule and no others. systemd listens to an udev that runs when it starts itself."""
        rules = self.directory / "rules"
        rules.mkdir()
        shutil.copy(RULES, rules / "60-grapnel-cdi-refresh.rules")
        self.shell(f"mount --bind {rules} /usr/lib/udev/rules.d; mkdir -p /etc/udev/rules.d; "
                   f"mount -t tmpfs tmpfs /etc/udev/rules.d; {ADD_MODULES}")
        (self.directory / "machine/units/systemd-udevd.service").write_text(UDEV)
        self.systemd.systemctl("daemon-reload")
        self.systemd.systemctl("start", "systemd-udevd.service")
        self.systemd.reexec()

    def send_event(self, action, device, *properties):
        """As the kernel sends it; returns once udev has handled it."""
        self.systemd.run("python3", container.SUPPORT / "send_uevent.py", action, device, *properties)
        self.systemd.run("udevadm", "settle", "--timeout=20")

    def state(self, unit):
        return self.systemd.property(unit, "ActiveState")

    def end(self):
        self.systemd.end()
