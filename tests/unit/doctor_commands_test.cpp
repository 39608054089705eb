// SPDX-License-Identifier: Apache-2.0
// The command of a finding is the one of this host's distribution, service manager and user.
#include "doctor/areas.hpp"
#include "doctor_faults.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <stdexcept>

namespace grapnel::test {

namespace {

struct Row {
    std::string fault = {};   ///< its name
    std::string release = {}; ///< os-release(5)
    std::string command = {};
    Change more = nullptr;
};

const Fault& fault_named(const std::string& name) {
    for (const auto* const table :
         {&faults(), &fault_variants(), &engine_faults(), &file_faults(), &cluster_faults()}) {
        const auto found = std::ranges::find(*table, name, &Fault::name);
        if (found != table->end())
            return *found;
    }
    throw std::runtime_error("no fault " + name);
}

std::string command_of(const Row& row) {
    const auto& fault = fault_named(row.fault);
    DoctoredHost host(fault.base);
    fault.make(host);
    host.files.file("/etc/os-release", row.release);
    host.files.file("/etc/apt/sources.list", "deb x bookworm main contrib non-free\n");
    host.files.file("/etc/yum.repos.d/cuda-rhel9.repo", "enabled=1\n");
    host.files.file("/etc/zypp/repos.d/repo-nvidia.repo", "enabled=1\n");
    if (row.more != nullptr)
        row.more(host);
    const auto facts =
        doctor_command::gather_facts(host.files, host.settings, std::move(host.here));
    for (const auto& area : all_areas(facts))
        for (const auto& finding : area.findings)
            if (finding.code == fault.code)
                return finding.command;
    return {};
}

constexpr auto debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n";
constexpr auto ubuntu = "ID=ubuntu\nID_LIKE=debian\n";
constexpr auto mint = "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n";
constexpr auto fedora = "ID=fedora\n";
constexpr auto rocky = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
constexpr auto amazon = "ID=\"amzn\"\nID_LIKE=\"fedora\"\n";
constexpr auto leap = "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n";
constexpr auto microos = "ID=\"opensuse-microos\"\nID_LIKE=\"suse opensuse\"\n";
constexpr auto arch = "ID=arch\n";
constexpr auto flatcar = "ID=flatcar\nID_LIKE=coreos\n";
constexpr auto nixos = "ID=nixos\nID_LIKE=\"\"\n";

void systemd(DoctoredHost& host) {
    host.files.directory("/run/systemd/system");
}

void with_rpm_fusion(DoctoredHost& host) {
    host.files.remove("/etc/yum.repos.d/cuda-rhel9.repo");
    host.files.file("/etc/yum.repos.d/rpmfusion-nonfree.repo", "");
}

void ostree(DoctoredHost& host) {
    host.files.file("/run/ostree-booted", "");
}

void program(DoctoredHost& host, const std::string& name) {
    host.files.file("/usr/sbin/" + name, "");
}

/// dockerd of the user ada, started by her systemd.
void rootless_dockerd(DoctoredHost& host) {
    systemd(host);
    host.files.file("/proc/77/comm", "dockerd\n");
    host.files.file("/proc/77/status", "Uid:\t1000\t1000\t1000\t1000\nNSpid:\t77\n");
    host.files.file("/proc/77/cmdline", std::string("dockerd\0", 8));
    host.files.file("/proc/77/environ",
                    std::string("PATH=/usr/bin:/home/ada/bin\0HOME=/home/ada\0", 43));
    host.files.file("/proc/77/cgroup", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/"
                                       "docker.service\n");
    host.files.file("/etc/passwd",
                    "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n");
    host.files.file("/home/ada/.config/docker/daemon.json", "{}");
}

void containerd_in(DoctoredHost& host, const std::string& unit, const std::string& config) {
    systemd(host);
    host.files.file("/proc/88/cmdline",
                    std::string("containerd\0-c\0", 14) + config + std::string(1, '\0'));
    host.files.file("/proc/88/cgroup", "0::/system.slice/" + unit + "\n");
    host.files.file(config, "version = 2\nimports = [\"/etc/k0s/containerd.d/*.toml\"]\n");
}

const std::vector<Row>& rows() {
    static const std::vector<Row> table{
        // packages
        {"driver not installed", debian, "apt-get install nvidia-driver"},
        {"driver not installed", ubuntu,
         "apt-get install ubuntu-drivers-common && ubuntu-drivers install"},
        {"driver not installed", mint, "ubuntu-drivers install",
         [](DoctoredHost& host) { program(host, "ubuntu-drivers"); }},
        {"driver not installed", rocky, "dnf install nvidia-driver nvidia-driver-cuda"},
        {"driver not installed", amazon, "dnf install nvidia-driver nvidia-driver-cuda"},
        {"driver not installed", fedora, "dnf install akmod-nvidia xorg-x11-drv-nvidia-cuda",
         with_rpm_fusion},
        {"driver not installed", fedora, "rpm-ostree install nvidia-driver nvidia-driver-cuda",
         ostree},
        {"driver not installed", leap,
         "zypper install nvidia-open-driver-G06-signed-kmp-default nvidia-compute-utils-G06"},
        {"driver not installed", microos,
         "transactional-update pkg install nvidia-open-driver-G06-signed-kmp-default "
         "nvidia-compute-utils-G06"},
        {"driver not installed", arch, "pacman -S nvidia-open nvidia-utils"},
        {"driver not installed", debian, "grapnel explain GR0202",
         [](DoctoredHost& host) {
             host.files.file("/etc/apt/sources.list", "deb x bookworm main non-free-firmware\n");
         }},
        {"driver not installed", fedora, "grapnel explain GR0202",
         [](DoctoredHost& host) {
             host.files.file("/etc/yum.repos.d/cuda-rhel9.repo", "enabled=0\n");
             host.files.file("/etc/yum.repos.d/rpmfusion-nonfree-nvidia-driver.repo",
                             "enabled=0\n");
         }},
        {"driver not installed", leap, "grapnel explain GR0202",
         [](DoctoredHost& host) { host.files.remove("/etc/zypp"); }},
        {"compat32 without 32-bit libraries", debian,
         "dpkg --add-architecture i386 && apt-get update && apt-get install libcuda1:i386 "
         "nvidia-driver-libs:i386"},
        {"compat32 without 32-bit libraries", arch, "pacman -S lib32-nvidia-utils",
         file("/etc/pacman.conf", "[extra]\nInclude = /etc/pacman.d/mirrorlist\n[multilib]\n")},
        {"compat32 without 32-bit libraries", arch, "grapnel explain GR1308",
         file("/etc/pacman.conf", "[extra]\n#[multilib]\n")},
        {"driver not installed", arch, "pacman -S nvidia-open-lts nvidia-utils",
         file("/proc/sys/kernel/osrelease", "6.6.63-1-lts\n")},
        {"driver not installed", arch, "pacman -S nvidia-open-dkms linux-zen-headers nvidia-utils",
         file("/proc/sys/kernel/osrelease", "6.12.1-zen1-1-zen\n")},
        {"GPU that the driver excludes", debian,
         R"(sed -i 's/NVreg_ExcludedGpus=\S*//' /etc/modprobe.d/nvidia.conf && )"
         "update-initramfs -u && reboot",
         file("/etc/modprobe.d/nvidia.conf",
              "options nvidia NVreg_ExcludedGpus=GPU-12 NVreg_EnableGpuFirmware=1\n")},
        {"GPU that the driver excludes", debian, "grapnel explain GR0420"},
        {"daemon.json is broken", debian,
         "dockerd --validate --config-file /etc/docker/daemon.json"},
        {"daemon.json is broken", debian, "python3 -m json.tool /etc/docker/daemon.json",
         [](DoctoredHost& host) {
             program(host, "python3");
             host.here.ask = [](const auto&) {
                 return Result<std::string>("Docker version 20.10.24+dfsg1, build 297e128\n");
             };
         }},
        {"byte order mark for an old Docker", debian,
         R"(sed -i '1s/^\xEF\xBB\xBF//' /etc/docker/daemon.json && service docker restart)"},
        {"program of a runtime that is not executable", debian, "chmod a+rx /opt/grapnel-runtime"},
        {"CDI that is off in Docker", debian,
         "grapnel configure docker --cdi && systemctl restart docker", systemd},
        {"other directory for CDI files", debian,
         "mkdir -p /srv/cdi && grapnel cdi generate --output /srv/cdi/grapnel.json"},
        {"libraries that were unpacked below /opt", debian,
         "grapnel config set library-search-path /opt/nv/580/lib64"},
        {"libraries elsewhere beside an earlier driver's", debian,
         "grapnel config set library-search-path /opt/mine,/usr/local/nv"},
        {"environment beside volume mounts", debian,
         "grapnel config set accept-nvidia-visible-devices-envvar-when-unprivileged false"},
        {"containerd that forgets a runtime", debian, "grapnel explain GR1022"},
        {"containerd that forgets enable_cdi", debian,
         "grapnel configure containerd --cdi && systemctl restart containerd", systemd},
        {"rootless podman without newuidmap", debian, "apt-get install --reinstall uidmap"},
        {"rootless podman without newuidmap", fedora, "dnf reinstall shadow-utils"},
        {"rootless podman without newuidmap", arch, "pacman -S shadow"},
        {"rootless podman without newuidmap", nixos, "grapnel explain GR0912"},
        {"newgidmap without rights", debian,
         "chown root /usr/bin/newgidmap && chmod u+s /usr/bin/newgidmap"},
        {"rootless podman without subordinate IDs", debian,
         "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada"},
        {"stubs in ld.so.conf.d", debian,
         R"(sed -i '\#/stubs#d' /etc/ld.so.conf.d/cuda.conf && ldconfig)"},
        {"MPS with a directory of its own", debian,
         "echo quit | CUDA_MPS_PIPE_DIRECTORY=/srv/mps nvidia-cuda-mps-control && env -u "
         "CUDA_MPS_PIPE_DIRECTORY nvidia-cuda-mps-control -d"},
        {"no fabric manager", debian, "grapnel explain GR0410"},
        {"driver not installed", flatcar, "grapnel explain GR0202"},
        {"driver not installed", nixos, "grapnel explain GR0202"},
        {"driver without CUDA", debian, "apt-get install libcuda1"},
        {"driver without CUDA", ubuntu, "apt-get install libnvidia-compute-580-server",
         [](DoctoredHost& host) {
             host.files.file("/usr/share/doc/nvidia-kernel-common-580-server/copyright", "");
         }},
        {"driver without CUDA", rocky, "dnf install nvidia-driver-cuda"},
        {"driver without tools", debian, "apt-get install nvidia-smi libnvidia-ml1"},
        {"driver without tools", ubuntu, "apt-get install nvidia-utils-550 libnvidia-compute-550"},
        {"driver without tools", leap, "zypper install nvidia-compute-utils-G06"},
        {"missing firmware", debian, "apt-get install firmware-nvidia-gsp"},
        {"missing firmware", ubuntu, "apt-get install nvidia-firmware-580-580.159.04"},
        {"missing firmware", rocky, "dnf install nvidia-kmod-common"},
        {"missing firmware", fedora, "dnf install xorg-x11-drv-nvidia", with_rpm_fusion},
        {"missing firmware", leap, "zypper install kernel-firmware-nvidia-gspx-G06"},
        {"Slurm without NVML", debian,
         "apt-get install slurm-wlm-nvml-plugin && systemctl restart slurmd", systemd},
        {"Slurm without NVML", ubuntu,
         "apt-get install slurm-wlm-nvml-plugin && systemctl restart slurmd",
         [](DoctoredHost& host) {
             systemd(host);
             host.files.file("/etc/apt/sources.list.d/ubuntu.sources",
                             "Components: main universe restricted multiverse\n");
         }},
        {"Slurm without NVML", ubuntu, "grapnel explain GR1402"},
        {"Slurm 24.11 without NVML", rocky,
         "sed -i 's/AutoDetect *= *nvml/AutoDetect=nvidia/I' /etc/slurm/gres.conf && systemctl "
         "restart slurmd",
         systemd},
        {"slurm.conf without GresTypes", rocky,
         "echo GresTypes=gpu >> /etc/slurm/slurm.conf && systemctl restart slurmd", systemd},
        {"slurm.conf with another GresTypes", rocky,
         "sed -i '/^[^#]*GresTypes/I s/GresTypes *= *\"\\?[^ #\"]*/&,gpu/I' /etc/slurm/slurm.conf "
         "&& "
         "systemctl restart slurmctld && systemctl restart slurmd",
         systemd},
        {"Slurm without NVML", rocky, "grapnel explain GR1402"},
        {"enroot without nvidia-container-cli", rocky, "dnf install grapnel-nvidia-compat"},
        {"user outside of the group docker", debian, "su -c 'usermod -aG docker ada'"},
        {"gres.conf with more GPUs than the node", debian,
         "sed -i 's|\\(File *= *\"\\?\\)/dev/nvidia\\[0-3\\]|\\1/dev/nvidia0|I' "
         "/etc/slurm/gres.conf && "
         "service slurmd restart"},
        {"no low-level runtime", rocky, "dnf install runc"},
        {"no low-level runtime", nixos, "grapnel explain GR0810"},
        {"hook missing", debian, "apt-get install --reinstall grapnel"},
        {"hook missing", rocky, "dnf reinstall grapnel"},
        {"hook missing", leap, "zypper install --force grapnel"},
        {"hook missing", flatcar, "grapnel explain GR0703"},
        {"hook of NVIDIA in PATH", leap, "zypper install grapnel-nvidia-compat"},
        {"Docker of snap", ubuntu, "snap remove docker && apt-get install docker.io"},
        {"Docker of snap", "ID=ubuntu-core\n", "grapnel explain GR0807"},
        {"Docker Desktop", fedora, "dnf install moby-engine && docker context use default"},
        // modules
        {"module of another kernel", debian,
         "apt-get install linux-headers-6.1.0-28-amd64 && dkms autoinstall && modprobe nvidia",
         [](DoctoredHost& host) { program(host, "dkms"); }},
        {"module of another kernel", debian, "dkms autoinstall && modprobe nvidia",
         [](DoctoredHost& host) {
             program(host, "dkms");
             host.files.directory("/lib/modules/6.1.0-28-amd64/build");
         }},
        {"module of another kernel", fedora,
         "dnf install kernel-devel-6.1.0-28-amd64 && akmods --force --kernels 6.1.0-28-amd64 && "
         "modprobe nvidia",
         [](DoctoredHost& host) { program(host, "akmods"); }},
        {"Secure Boot", ubuntu, "mokutil --import /var/lib/shim-signed/mok/MOK.der",
         [](DoctoredHost& host) { host.files.file("/var/lib/shim-signed/mok/MOK.der", ""); }},
        {"Secure Boot", debian, "mokutil --import /var/lib/dkms/mok.pub",
         [](DoctoredHost& host) { host.files.file("/var/lib/dkms/mok.pub", ""); }},
        {"Secure Boot", fedora, "mokutil --import /etc/pki/akmods/certs/public_key.der",
         [](DoctoredHost& host) { host.files.file("/etc/pki/akmods/certs/public_key.der", ""); }},
        {"Secure Boot", rocky, "grapnel explain GR0107"},
        {"module on the kernel's list", debian,
         "sed -i s/module_blacklist=nouveau,nvidia/module_blacklist=nouveau/ /etc/default/grub && "
         "update-grub && reboot",
         [](DoctoredHost& host) {
             host.files.file("/etc/default/grub", "");
             program(host, "update-grub");
         }},
        {"module on the kernel's list", rocky,
         "grubby --update-kernel=ALL --remove-args=module_blacklist=nouveau,nvidia "
         "--args=module_blacklist=nouveau && reboot",
         [](DoctoredHost& host) { program(host, "grubby"); }},
        {"module on the kernel's list", nixos, "grapnel explain GR0215"},
        {"GPU of nouveau", debian,
         "echo 'blacklist nouveau' > /etc/modprobe.d/blacklist-nouveau.conf && update-initramfs -u "
         "&& reboot"},
        {"GPU of nouveau", rocky,
         "echo 'blacklist nouveau' > /etc/modprobe.d/blacklist-nouveau.conf && dracut --force && "
         "reboot"},
        {"GPU of nouveau", fedora, "rpm-ostree kargs --append=module_blacklist=nouveau && reboot",
         ostree},
        {"stale cache hides the driver", debian, "ldconfig"},
        // GPUs and nodes
        {"GPU of vfio-pci", debian, "driverctl unset-override 0000:00:06.0",
         [](DoctoredHost& host) { program(host, "driverctl"); }},
        {"GPU of vfio-pci", debian,
         "modprobe nvidia && echo nvidia > /sys/bus/pci/devices/0000:00:06.0/driver_override && "
         "echo 0000:00:06.0 > /sys/bus/pci/devices/0000:00:06.0/driver/unbind && echo 0000:00:06.0 "
         "> /sys/bus/pci/drivers_probe"},
        {"UUID not known", debian, "systemctl enable --now nvidia-persistenced",
         [](DoctoredHost& host) {
             systemd(host);
             host.files.file("/lib/systemd/system/nvidia-persistenced.service", "");
         }},
        {"UUID not known", nixos, "nvidia-smi -pm 1"},
        {"no fabric manager", ubuntu,
         "apt-get install nvidia-fabricmanager-580 && systemctl enable --now nvidia-fabricmanager"},
        {"node missing and not to be made", debian,
         "mkdir -p /dev && mknod -m 666 /dev/nvidia0 c 195 0"},
        {"node left to udev", debian, "mkdir -p /dev && mknod -m 666 /dev/nvidia0 c 195 0"},
        {"node missing", debian, "grapnel nodes create"},
        {"node of root alone", debian, "chown 0:44 /dev/nvidia0 && chmod 660 /dev/nvidia0",
         [](DoctoredHost& host) {
             host.files.file("/proc/driver/nvidia/params",
                             "ModifyDeviceFiles: 1\nDeviceFileUID: 0\n"
                             "DeviceFileGID: 44\nDeviceFileMode: "
                             "432\n");
         }},
        // service managers, units and users
        {"cgroup manager of Docker", "ID=alpine\n",
         "sed -i s/native.cgroupdriver=systemd/native.cgroupdriver=cgroupfs/ "
         "/etc/docker/daemon.json && rc-service docker restart",
         [](DoctoredHost& host) { program(host, "rc-service"); }},
        {"cgroup manager of microk8s", ubuntu,
         R"(sed -i '/runtimes\."\?nvidia"\?\.options\]/a SystemdCgroup = true' )"
         "/var/snap/microk8s/current/args/containerd-template.toml && "
         "snap restart microk8s.daemon-containerd"},
        {"container with an earlier driver", debian, "docker restart web"},
        {"initramfs with the old module", debian, "update-initramfs -u && reboot"},
        {"kernel that was replaced", debian, "reboot"},
        {"cgroup manager of Docker", debian,
         "sed -i s/native.cgroupdriver=systemd/native.cgroupdriver=cgroupfs/ "
         "/etc/docker/daemon.json && service docker restart"},
        {"runtime not registered", debian, "grapnel configure docker && systemctl restart docker",
         systemd},
        {"runtime not registered", debian,
         "grapnel configure docker --config /home/ada/.config/docker/daemon.json && systemctl "
         "--user --machine=ada@.host restart docker",
         rootless_dockerd},
        {"runtime not registered", debian,
         "grapnel configure docker --config /home/ada/.config/docker/daemon.json && systemctl "
         "--user restart docker",
         [](DoctoredHost& host) {
             rootless_dockerd(host);
             host.here.user = 1000;
         }},
        {"runtime not registered", nixos, "grapnel explain GR0802",
         [](DoctoredHost& host) {
             host.files.file("/proc/77/cmdline",
                             std::string("dockerd\0--config-file=/nix/store/x-daemon.json\0", 45));
         }},
        {"hook not in dockerd's PATH", debian,
         "ln -s /usr/bin/nvidia-container-runtime-hook /sbin/nvidia-container-runtime-hook && "
         "systemctl restart docker",
         [](DoctoredHost& host) {
             systemd(host);
             host.files.directory("/sbin");
         }},
        {"hook not in dockerd's PATH", flatcar,
         "mkdir -p /etc/systemd/system/docker.service.d && printf "
         "'[Service]\\nEnvironment=PATH=%s\\n' /opt/docker/bin:/sbin:/usr/bin > "
         "/etc/systemd/system/docker.service.d/grapnel.conf && systemctl daemon-reload && "
         "systemctl "
         "restart docker",
         [](DoctoredHost& host) {
             systemd(host);
             host.files.directory("/sbin");
             host.files.file("/proc/self/mountinfo",
                             "22 1 0:5 / /dev rw shared:1 - devtmpfs udev rw\n"
                             "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                             "31 1 8:1 / /sbin ro - ext4 /dev/sda1 ro\n");
         }},
        {"default runtime of another kind", debian,
         "grapnel configure docker --set-as-default && systemctl restart docker", systemd},
        {"kubelet without the runtime", debian,
         "grapnel configure containerd && systemctl restart containerd", systemd},
        {"kubelet without the runtime", debian, "systemctl restart k3s",
         [](DoctoredHost& host) {
             containerd_in(host, "k3s.service",
                           "/var/lib/rancher/k3s/agent/etc/containerd/config.toml");
             program(host, "nvidia-container-runtime");
         }},
        {"kubelet without the runtime", debian,
         "apt-get install grapnel-nvidia-compat && systemctl restart rke2-agent",
         [](DoctoredHost& host) {
             containerd_in(host, "rke2-agent.service",
                           "/var/lib/rancher/rke2/agent/etc/containerd/config.toml");
         }},
        {"kubelet without the runtime", debian,
         "grapnel configure containerd --config /etc/k0s/containerd.toml --drop-in "
         "/etc/k0s/containerd.d/99-grapnel.toml && systemctl restart k0sworker",
         [](DoctoredHost& host) {
             containerd_in(host, "k0sworker.service", "/etc/k0s/containerd.toml");
         }},
        {"kubelet with another cgroup manager", debian,
         R"(sed -i 's/SystemdCgroup\s*=\s*false/SystemdCgroup = true/' )"
         "/etc/containerd/config.toml && systemctl restart containerd",
         systemd},
        {"containerd 1.7 with enable_cdi off", debian,
         "grapnel configure containerd --cdi && systemctl restart containerd", systemd},
        {"containerd that looks for CDI files elsewhere", debian,
         R"(sed -i 's|cdi_spec_dirs\s*=\s*\[|&"/etc/cdi", |' /etc/containerd/config.toml && )"
         "systemctl restart containerd",
         systemd},
        {"CRI-O that looks for hooks elsewhere", debian,
         R"(sed -i 's|hooks_dir\s*=\s*\[|&"/usr/share/containers/oci/hooks.d", |' )"
         "/etc/crio/crio.conf.d/99-grapnel.toml && systemctl restart crio",
         systemd},
        {"CRI-O with an option for other hooks", debian, "grapnel explain GR1018", systemd},
        {"CRI-O that looks for CDI files elsewhere", debian,
         R"(sed -i 's|cdi_spec_dirs\s*=\s*\[|&"/run/cdi", |' )"
         "/etc/crio/crio.conf.d/99-grapnel.toml && systemctl restart crio",
         systemd},
        {"hooks_dir without the hook's directory", debian,
         "mkdir -p /etc/containers/containers.conf.d && printf '[engine]\\n%s\\n' 'hooks_dir = "
         "[\"/etc/other\", \"/usr/share/containers/oci/hooks.d\"]' > "
         "/etc/containers/containers.conf.d/99-grapnel.conf"},
        {"default_runtime with an underscore", debian,
         R"(sed -i 's/"default_runtime"\s*:/"default-runtime":/' /etc/docker/daemon.json && )"
         "systemctl restart docker",
         systemd},
        {"GPU that asks for a reboot", debian, "reboot"},
        {"GPU that asks for a reset", debian, "nvidia-smi --gpu-reset -i 0000:00:06.0"},
        {"nvidia-uvm that an install line replaces", debian,
         R"(sed -i '/^\s*install\s\+nvidia[-_]uvm\s/s/^/#/' /etc/modprobe.d/x.conf && )"
         "modprobe nvidia-uvm"},
        {"dockerd with a runtime by option and file", debian,
         R"(sed -i 's/ \+--add-runtime[= ]\S*//g' /etc/systemd/system/docker.service.d/gpu.conf && )"
         "systemctl daemon-reload && systemctl restart docker",
         systemd},
        {"dockerd with hosts by option and file", debian, "grapnel explain GR0818", systemd},
        {"user namespaces that are off", debian,
         "echo 'user.max_user_namespaces = 28633' > /etc/sysctl.d/99-userns.conf && sysctl "
         "--system"},
        {"CDI file of root alone", debian, "chmod a+r /etc/cdi/nvidia.yaml"},
        {"CDI directory of root alone", debian,
         "chmod a+rx /etc/cdi && chmod a+r /etc/cdi/nvidia.yaml"},
        {"default runtime of CRI-O without an entry", debian,
         "grapnel configure crio --set-as-default && systemctl restart crio", systemd},
        {"hook that never runs", debian,
         "rm /usr/share/containers/oci/hooks.d/99-grapnel.json && grapnel configure podman"},
        {"hook file is broken", debian, "rm /etc/containers/oci/hooks.d/a.json"},
        {"hook in /etc alone", debian,
         "mkdir -p /etc/containers/containers.conf.d && printf '[engine]\\n%s\\n' 'hooks_dir = "
         "[\"/usr/share/containers/oci/hooks.d\", \"/etc/containers/oci/hooks.d\"]' > "
         "/etc/containers/containers.conf.d/99-grapnel.conf"},
        {"hook file of the same name in a later directory", debian,
         "mv /etc/containers/oci/hooks.d/99-grapnel.json "
         "/etc/containers/oci/hooks.d/99-grapnel-other.json"},
        {"idle hook file of the same name", debian,
         "rm /etc/containers/oci/hooks.d/99-grapnel.json"},
        {"AppArmor denial", debian, "aa-complain lxc-container-default",
         [](DoctoredHost& host) { program(host, "aa-complain"); }},
        {"AppArmor denial", debian,
         "apt-get install apparmor-utils && aa-complain lxc-container-default"},
        {"AppArmor denial", debian, "docker run --security-opt apparmor=unconfined IMAGE",
         [](DoctoredHost& host) {
             host.here.kernel_log = {"apparmor=\"DENIED\" operation=\"open\" "
                                     "profile=\"docker-default\" name=\"/dev/nvidia0\""};
         }},
        {"ldconfig missing", debian, R"(sed -i 's/^\s*ldconfig\s*=/#&/' /etc/grapnel/config.toml)"},
        {"runtime forgotten", debian,
         "docker rm one && docker run --runtime=nvidia --env NVIDIA_VISIBLE_DEVICES=all IMAGE"},
        {"stubs in LD_LIBRARY_PATH", debian,
         "docker rm --force one && docker run --runtime=nvidia --env NVIDIA_VISIBLE_DEVICES=0,1 "
         "--env LD_LIBRARY_PATH= cuda:13"},
        {"nvidia-smi without utility", debian,
         "docker rm one && docker run --runtime=nvidia --env NVIDIA_VISIBLE_DEVICES=all --env "
         "NVIDIA_DRIVER_CAPABILITIES=compute,utility IMAGE"},
        {"probe missing", debian, "apt-get install --reinstall grapnel"},
        {"probe missing", debian, "grapnel explain GR0705",
         [](DoctoredHost& host) {
             host.here.programs = host_path("/usr/local/bin");
             host.here.own_program = host_path("/usr/local/bin/grapnel");
             host.files.file("/usr/local/bin/grapnel-runtime", "");
             host.files.file("/usr/local/bin/grapnel-hook", "");
         }},
        {"two CDI files", debian, "rm /etc/cdi/nvidia.yaml"},
        {"hook of a CDI file missing", debian, "apt-get install grapnel-nvidia-compat"},
        {"hook of a CDI file missing", rocky, "dnf install grapnel-nvidia-compat"},
        {"hook of a CDI file missing", flatcar,
         "rm /etc/cdi/nvidia.yaml && grapnel cdi generate --output /etc/cdi/grapnel.json"},
        {"hook of a CDI file missing", debian,
         "rm /etc/cdi/nvidia.yaml && grapnel cdi generate --output /etc/cdi/grapnel.json",
         [](DoctoredHost& host) { host.here.programs = host_path("/usr/local/bin"); }},
        {"empty files in an image", debian, "podman build --no-cache --pull .",
         [](DoctoredHost& host) {
             host.here.leftovers = {"/var/lib/containers/storage/overlay/a/diff: /usr/lib64/x.so"};
         }},
        // the command of a user without root's rights
        {"memfd_noexec", debian, "sudo sysctl -w vm.memfd_noexec=1",
         [](DoctoredHost& host) {
             host.here.user = 1000;
             program(host, "sudo");
         }},
        {"memfd_noexec", debian, "su -c 'sysctl -w vm.memfd_noexec=1'",
         [](DoctoredHost& host) { host.here.user = 1000; }},
        {"dynamic major changed", debian, "sudo sh -c 'rm /dev/nvidia-uvm && grapnel nodes create'",
         [](DoctoredHost& host) {
             host.here.user = 1000;
             program(host, "sudo");
         }},
        {"driver not installed", nixos, "grapnel explain GR0202",
         [](DoctoredHost& host) { host.here.user = 1000; }},
        {"no driver and no GPU", debian, "lspci -nnk -d 10de:",
         [](DoctoredHost& host) {
             host.here.user = 1000;
             program(host, "lspci");
         }},
        {"no driver and no GPU", debian, "grep -l 0x10de /sys/bus/pci/devices/*/vendor"},
    };
    return table;
}

} // namespace

TEST_CASE("command is that of the host") {
    for (const auto& row : rows()) {
        CAPTURE(row.fault);
        CAPTURE(row.release);
        CHECK(command_of(row) == row.command);
    }
}

TEST_CASE("podman's hook directories are kept") {
    Row row{"rootless podman without hooks_dir", debian};
    CHECK(command_of(row)
          == "runuser -u \"$(stat -c %U /home/anna)\" -- sh -c 'mkdir -p "
             "/home/anna/.config/containers/containers.conf.d && printf "
             "'\\''[engine]\\n%s\\n'\\'' '\\''hooks_dir = "
             "[\"/usr/share/containers/oci/hooks.d\"]'\\'' > "
             "/home/anna/.config/containers/containers.conf.d/99-grapnel.conf'");
    row.fault = "rootless podman of this user";
    CHECK(command_of(row)
          == "mkdir -p /home/anna/.config/containers/containers.conf.d && printf "
             "'[engine]\\n%s\\n' 'hooks_dir = [\"/usr/share/containers/oci/hooks.d\"]' > "
             "/home/anna/.config/containers/containers.conf.d/99-grapnel.conf");
}

} // namespace grapnel::test
