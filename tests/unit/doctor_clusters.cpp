// SPDX-License-Identifier: Apache-2.0
// Faults of programs that start containers on many hosts, Nomad and Slurm, and of IOMMU groups; and
// their healthy twins.
#include "doctor_builders.hpp"
#include "support/elf_file.hpp"

namespace grapnel::test {

namespace {

using enum doctor_command::Code;

void nomad(DoctoredHost& host, const std::string& settings) {
    register_runtime(host);
    start(host, "90", "nomad", "nomad agent -config=/etc/nomad.d");
    host.files.file("/etc/nomad.d/nomad.hcl", settings);
    host.files.file("/opt/nomad/data/plugins/nomad-device-nvidia", "");
}

void nomad_on_hook(DoctoredHost& host, const std::string& settings) {
    nomad(host, settings);
    docker(host, "{}");
    host.files.file("/usr/bin/grapnel-hook", "");
    start_dockerd(host);
    host.files.link("/usr/bin/nvidia-container-runtime-hook", "grapnel-hook");
}

constexpr const char* gpu_plugin =
    "plugin \"nomad-device-nvidia\" {\n  config { enabled = true }\n}\n";

void slurm(DoctoredHost& host, const std::string& gres, const std::string& settings) {
    host.files.file("/proc/sys/kernel/hostname", "node07.cluster\n");
    host.files.file("/etc/slurm/gres.conf", gres);
    host.files.file("/etc/slurm/slurm.conf", settings);
}

constexpr const char* with_gpus = "ClusterName=c\nGresTypes=gpu,mps\n";

void enroot(DoctoredHost& host) {
    host.files.file("/usr/bin/enroot", "");
    host.files.file("/usr/bin/nvidia-container-cli", "");
    host.files.file("/etc/enroot/hooks.d/98-nvidia.sh", "#!/bin/bash\n");
    host.files.set_mode("/etc/enroot/hooks.d/98-nvidia.sh", 0755);
}

/// A device of IOMMU group 12, which has the GPU.
void add_to_group(DoctoredHost& host, const std::string& address, const std::string& driver) {
    const bool is_gpu = address.ends_with(".0");
    pci(host, address, driver, is_gpu ? "0x030200" : "0x040300");
    host.files.link("/sys/bus/pci/devices/" + address + "/iommu_group",
                    "../../../../kernel/iommu_groups/12");
    host.files.directory("/sys/kernel/iommu_groups/12/devices/" + address);
}

void log_in(DoctoredHost& host) {
    host.here.user = 1000;
    host.here.groups = {1000, 999};
    host.here.home = host_path("/home/ada");
    host.files.file("/etc/passwd", "ada:x:1000:1000::/home/ada:/bin/sh\n");
    host.files.file("/etc/group", "docker:x:999:\n");
    host.files.file("/etc/subuid", "ada:100000:65536\n");
    host.files.file("/etc/subgid", "ada:100000:65536\n");
    host.files.file("/home/ada/.config/containers/containers.conf",
                    "[engine]\nhooks_dir = [\"/usr/share/containers/oci/hooks.d\"]\n");
    host.files.directory("/run/user/1000");
}

void use_docker_as_user(DoctoredHost& host) {
    log_in(host);
    register_runtime(host);
    start_dockerd(host);
    host.files.socket("/run/docker.sock", 0660, 999);
}

void context(DoctoredHost& host, const std::string& address) {
    host.files.file("/home/ada/.docker/config.json", R"({"currentContext": "farm"})");
    host.files.file("/home/ada/.docker/contexts/meta/12/meta.json",
                    R"({"Name": "farm", "Endpoints": {"docker": {"Host": ")" + address + R"("}}})");
}

const std::string both_directories =
    R"("/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d")";

/// podman with our hook, and these members of its file.
Change with_hook(const std::string& members) {
    return with_file(podman, "/usr/share/containers/oci/hooks.d/99-grapnel.json",
                     R"({"version": "1.0.0", "hook": {"path": "/usr/bin/grapnel-hook"}, )" + members
                         + "}");
}

/// podman with our hook, a file of that name in the later directory of hooks_dir, and its program.
Change with_mask(const std::string& text, const std::string& directories = both_directories) {
    return [=](DoctoredHost& host) {
        podman(host);
        host.files.file("/etc/containers/containers.conf",
                        "[engine]\nhooks_dir = [" + directories + "]\n");
        host.files.file("/usr/bin/oci-trace", "");
        host.files.file("/etc/containers/oci/hooks.d/99-grapnel.json", text);
    };
}

/// A user has started containers, and podman reads our hook for them.
void rootless_podman(DoctoredHost& host) {
    podman(host);
    log_in(host);
    host.here = {.programs = host.here.programs};
    rootless_storage(host, "/home/ada");
}

/// containerd with our runtime and cgroupfs, and kubelet with that option.
void containerd_beside(DoctoredHost& host, const std::string& option) {
    host.files.file("/usr/bin/grapnel-runtime", "");
    host.files.file(containerd_toml,
                    "version = 2\n"
                    "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.nvidia.options]\n"
                    "BinaryName = \"/usr/bin/grapnel-runtime\"\n");
    start_containerd(host);
    start(host, "89", "kubelet", "kubelet " + option);
}

/// docker.service with that file, and daemon.json with our runtime.
Change dockerd_unit(std::string path, std::string text) {
    return with_file([](DoctoredHost& host) { register_runtime(host); }, std::move(path),
                     "[Service]\n" + std::move(text));
}

void podman_on_cdi(DoctoredHost& host) {
    host.files.file("/usr/bin/podman", "");
    host.files.directory("/var/lib/containers/storage/overlay-containers/1");
    host.files.file("/var/lib/containers/storage/db.sql", "");
    gpu_cdi_file(host, "/etc/cdi/nvidia.yaml");
}

} // namespace

const std::vector<Fault>& cluster_faults() {
    static const std::vector<Fault> table{
        {GR0418, "sound function of vfio-pci keeps the driver out", "h200", "0000:00:07.1",
         [](DoctoredHost& host) {
             add_to_group(host, "0000:00:07.0", "");
             add_to_group(host, "0000:00:07.1", "vfio-pci");
         }},
        {GR0419, "IOMMU group that is divided", "h200", "0000:00:06.1",
         [](DoctoredHost& host) {
             add_to_group(host, "0000:00:06.0", "nvidia");
             add_to_group(host, "0000:00:06.1", "vfio-pci");
         }},
        {GR0813, "Nomad beside a Docker with the hook alone", "h200", "'nvidia'",
         [](DoctoredHost& host) { nomad_on_hook(host, gpu_plugin); }},
        {GR0813, "Nomad with another name of the runtime", "h200", "'grapnel'",
         [](DoctoredHost& host) {
             nomad(host, std::string(gpu_plugin) + "plugin \"docker\" { config {\n"
                             + "  nvidia_runtime = \"grapnel\"\n"
                             + "  allow_runtimes = [\"runc\", \"grapnel\"]\n} }\n");
         }},
        {GR0814, "Nomad that allows runc alone", "h200", "allow_runtimes",
         [](DoctoredHost& host) {
             nomad(host, "plugin \"docker\" {\n config {\n  allow_runtimes = [\"runc\"] # all\n"
                         " }\n}\n");
         }},
        {GR0814, "Nomad with a directory of its own", "h200", "/srv/nomad.d/a.hcl",
         [](DoctoredHost& host) {
             nomad(host, "");
             start(host, "90", "nomad", "nomad agent -config /srv/nomad.d");
             host.files.file("/srv/nomad.d/a.hcl",
                             "plugin \"docker\" { config { allow_runtimes = [\"runc\"] } }\n");
         }},
        {GR0814, "Nomad that allows runc alone, in JSON", "h200", "client.json",
         [](DoctoredHost& host) {
             nomad(host, "data_dir = \"/opt/nomad/data\"\n");
             host.files.file("/etc/nomad.d/client.json",
                             R"({"plugin": {"docker": {"config": {"allow_runtimes": ["runc"]}}}})");
         }},
        {GR0815, "Nomad without its plugin", "h200", "/srv/nomad/plugins/nomad-device-nvidia",
         [](DoctoredHost& host) {
             nomad(host, std::string(gpu_plugin) + "data_dir = \"/srv/nomad\"\n");
         }},
        {GR0815, "Nomad's plugin that is not executable", "h200", "not executable",
         [](DoctoredHost& host) {
             nomad(host, "plugin_dir = \"/srv/plugins\"\n");
             host.files.file("/srv/plugins/nomad-device-nvidia", "");
             host.files.set_mode("/srv/plugins/nomad-device-nvidia", 0644);
         }},
        {GR0403, "GPU of nvidiafb", "h200", "nvidiafb, the kernel's own driver",
         [](DoctoredHost& host) {
             install_unloaded(host);
             pci(host, "0000:00:06.0", "nvidiafb");
         }},
        {GR0415, "GPU that asks for a reboot", "h200", "Node Reboot Required",
         kernel_log("NVRM: Xid (PCI:0000:00:06): 154, GPU recovery action changed from 0x0 (None) "
                    "to 0x2 (Node Reboot Required)")},
        {GR0305, "nvidia-uvm that an install line replaces", "h200", "/etc/modprobe.d/x.conf",
         with_file(unload_uvm, "/etc/modprobe.d/x.conf", "install nvidia-uvm /bin/false\n")},
        {GR0309, "nvidia-uvm that modprobe installs", "h200", "nvidia-uvm",
         with_file(unload_uvm, "/etc/modprobe.d/x.conf",
                   "install nvidia-uvm /sbin/modprobe -i nvidia-uvm\n")},
        {GR0203, "module of another kernel by its version", "h200", "version magic",
         [](DoctoredHost& host) {
             install_unloaded(host);
             host.here.kernel_log = {"nvidia: version magic '6.1.0-27-amd64 SMP' should be "
                                     "'6.1.0-28-amd64 SMP'"};
         }},
        {GR0203, "module of another kernel by its symbols", "h200", "Unknown symbol",
         [](DoctoredHost& host) {
             install_unloaded(host);
             host.here.kernel_log = {"nvidia: Unknown symbol drm_gem_object_put (err -2)"};
         }},
        {GR0803, "program of the runtime that is in no PATH", "h200", "dockerd's PATH",
         [](DoctoredHost& host) {
             docker(host, R"({"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}})");
             start_dockerd(host);
         }},
        {GR0801, "runtime without a program", "h200", "'runtimes'",
         [](DoctoredHost& host) { docker(host, R"({"runtimes": {"nvidia": {}}})"); }},
        {GR0801, "default_runtime with an underscore", "h200", "'default-runtime' is meant",
         [](DoctoredHost& host) { register_runtime(host, R"("default_runtime": "nvidia")"); }},
        {GR0801, "runtime in the place of runtimes", "h200", "'runtimes' is meant",
         [](DoctoredHost& host) {
             docker(host, R"({"runtime": {"nvidia": {"path": "/usr/bin/grapnel-runtime"}}})");
         }},
        {GR0905, "hooks_dir that is no list", "h200", "hooks_dir is no list",
         with_file(podman, "/etc/containers/containers.conf",
                   "[engine]\nhooks_dir = \"/etc/hooks.d\"\n")},
        {GR1007, "cgroup manager of kubelet's options", "h200", "uses cgroupfs",
         [](DoctoredHost& host) { containerd_beside(host, "--cgroup-driver=systemd"); }},
        {GR0818, "dockerd with a runtime by option and file", "h200", "--add-runtime",
         dockerd_unit("/etc/systemd/system/docker.service.d/gpu.conf",
                      "ExecStart=\nExecStart=/usr/bin/dockerd -H fd:// \\\n"
                      "  --add-runtime=nvidia=/usr/bin/grapnel-runtime\n")},
        {GR0818, "dockerd with hosts by option and file", "h200", "-H",
         [](DoctoredHost& host) {
             dockerd_unit("/lib/systemd/system/docker.service",
                          "ExecStart=/usr/bin/dockerd -H fd://\n")(host);
             register_runtime(host, R"("hosts": ["fd://"])");
         }},
        {GR0910, "user namespaces that are off", "h200", "user.max_user_namespaces",
         with_file(rootless_podman, "/proc/sys/user/max_user_namespaces", "0\n")},
        {GR0910, "user namespaces of root alone", "h200", "kernel.unprivileged_userns_clone",
         with_file(rootless_podman, "/proc/sys/kernel/unprivileged_userns_clone", "0\n")},
        {GR1108, "CDI file of root alone", "h200", "/etc/cdi/nvidia.yaml",
         [](DoctoredHost& host) {
             rootless_podman(host);
             gpu_cdi_file(host, "/etc/cdi/nvidia.yaml");
             host.files.set_mode("/etc/cdi/nvidia.yaml", 0600);
         }},
        {GR1108, "CDI directory of root alone", "h200", "/etc/cdi/nvidia.yaml",
         [](DoctoredHost& host) {
             rootless_podman(host);
             gpu_cdi_file(host, "/etc/cdi/nvidia.yaml");
             host.files.set_mode("/etc/cdi", 0700);
         }},
        {GR1401, "gres.conf with more GPUs than the node", "h200", "/dev/nvidia1",
         [](DoctoredHost& host) {
             slurm(host, "NodeName=node[05-08] Name=gpu Type=h200 File=/dev/nvidia[0-3]\n",
                   with_gpus);
         }},
        {GR1401, "gres.conf with a GPU that is gone", "h200", "/dev/nvidia7",
         [](DoctoredHost& host) {
             slurm(host, "Name=gpu File=/dev/nvidia0,/dev/nvidia7\n", with_gpus);
         }},
        {GR1402, "Slurm without NVML", "h200", "gpu_nvml.so",
         [](DoctoredHost& host) {
             slurm(host, "AutoDetect=nvml\nName=gpu\n", with_gpus);
             host.files.file("/usr/lib64/slurm/gpu_generic.so", "");
         }},
        {GR1403, "slurm.conf without GresTypes", "h200", "slurm.conf",
         [](DoctoredHost& host) {
             slurm(host, "Name=gpu File=/dev/nvidia0\n", "ClusterName=c\n#GresTypes=gpu\n");
         }},
        {GR1401, "gres.conf with blanks, quotes and a continued line", "h200", "/dev/nvidia1",
         [](DoctoredHost& host) {
             slurm(host, "NodeName = node07 Name = gpu \\\n\tFile = \"/dev/nvidia[0-1]\"\n",
                   with_gpus);
         }},
        {GR1402, "Slurm 24.11 without NVML", "h200", "gpu_nvml.so",
         [](DoctoredHost& host) {
             slurm(host, "AutoDetect = NVML\n", with_gpus);
             host.files.file("/usr/lib64/slurm/gpu_generic.so", "");
             host.files.file("/usr/lib64/slurm/gpu_nvidia.so", "");
         }},
        {GR1403, "slurm.conf with another GresTypes", "h200", "GresTypes",
         [](DoctoredHost& host) {
             slurm(host, "Name=gpu File=/dev/nvidia0\n", "GresTypes=mps # no gpu\n");
             start(host, "92", "slurmctld");
         }},
        {GR1404, "hook of enroot that is not executable", "h200", "not executable",
         [](DoctoredHost& host) {
             enroot(host);
             host.files.set_mode("/etc/enroot/hooks.d/98-nvidia.sh", 0644);
         }},
        {GR1404, "enroot without its hook", "h200", "is missing",
         [](DoctoredHost& host) {
             enroot(host);
             host.files.remove("/etc/enroot/hooks.d/98-nvidia.sh");
         }},
        {GR1405, "enroot without nvidia-container-cli", "h200", "nvidia-container-cli",
         [](DoctoredHost& host) {
             enroot(host);
             host.files.remove("/usr/bin/nvidia-container-cli");
         }},
        {GR0703, "hook of another architecture", "h200", "another architecture",
         [](DoctoredHost& host) {
             host.files.file("/usr/bin/grapnel-hook",
                             elf_file({.machine = ElfSketch::Machine::other}));
         }},
        {GR0206, "ld.so.cache that was removed", "h200", "is missing",
         [](DoctoredHost& host) {
             host.files.remove("/etc/ld.so.cache");
             host.files.file("/etc/ld.so.conf.d/nvidia.conf", "/opt/elsewhere\n");
         }},
        {GR0420, "GPU that the driver excludes", "h200", "NVreg_ExcludedGpus",
         file("/proc/driver/nvidia/gpus/0000:00:06.0/information",
              "Model: \t NVIDIA H200\nDevice Minor: \t 0\nGPU Excluded:\t Yes\n")},
        {GR0713, "file in the place of the records", "h200", "/run/grapnel",
         file("/run/grapnel", "")},
        {GR0816, "docker context of another machine", "h200", "tcp://farm:2376",
         [](DoctoredHost& host) {
             use_docker_as_user(host);
             context(host, "tcp://farm:2376");
         }},
        {GR0816, "docker context that is gone", "h200", "is not defined",
         [](DoctoredHost& host) {
             use_docker_as_user(host);
             context(host, "tcp://farm:2376");
             host.files.remove("/home/ada/.docker/contexts");
         }},
        {GR0816, "DOCKER_HOST of another machine", "h200", "DOCKER_HOST is ssh://farm",
         [](DoctoredHost& host) {
             use_docker_as_user(host);
             host.here.docker_host = "ssh://farm";
         }},
        {GR0817, "user outside of the group docker", "h200", "docker.sock",
         [](DoctoredHost& host) {
             use_docker_as_user(host);
             host.here.groups = {1000};
         }},
        {GR0904, "hook file of a version that podman does not know", "h200", "version",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json",
                   R"({"version": "2.0.0", "hook": {"path": "/usr/bin/grapnel-hook"}})")},
        {GR0904, "hook file without stages", "h200", "stages",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json",
                   R"({"version": "1.0.0", "hook": {"path": "/usr/bin/grapnel-hook"}})")},
        {GR0904, "hook file with an unknown stage", "h200", "unknown stage",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json",
                   R"({"version": "1.0.0", "hook": {"path": "/usr/bin/grapnel-hook"},)"
                   R"( "stages": ["start"]})")},
        {GR0904, "hook file without a program", "h200", "names no program",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json",
                   R"({"version": "1.0.0", "hook": {}, "stages": ["prestart"]})")},
        {GR0904, "hook file of the version before without a stage", "h200", "stages",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json",
                   R"({"version": "0.1.0", "hook": "/usr/bin/grapnel-hook"})")},
        {GR0904, "hook file with a list of conditions", "h200", "when",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json",
                   R"({"version": "1.0.0", "hook": {"path": "/usr/bin/grapnel-hook"},)"
                   R"( "when": [], "stages": ["prestart"]})")},
        {GR0902, "NVIDIA's hook that was removed", "h200", "passes over the hook",
         [](DoctoredHost& host) {
             podman_with(host, "/usr/bin/nvidia-container-toolkit");
             host.files.file("/var/lib/containers/storage/db.sql", "");
         }},
        {GR0909, "hook that runs at no stage", "h200", "stages is empty",
         with_hook(R"("when": {"always": true}, "stages": [])")},
        {GR0909, "hook without a condition", "h200", "when has no condition",
         with_hook(R"("stages": ["prestart"])")},
        {GR0909, "hook that never runs", "h200", "always is false",
         with_hook(R"("when": {"always": false}, "stages": ["prestart"])")},
        {GR0903, "hook in /etc alone", "h200", "hooks_dir of containers.conf is not set",
         [](DoctoredHost& host) {
             podman(host);
             host.files.remove("/usr/share/containers/oci/hooks.d");
             host.files.file("/etc/containers/oci/hooks.d/a.json",
                             hook_file("/usr/bin/grapnel-hook"));
             answer(host, "podman version 4.3.1\n");
         }},
        {GR0906, "rootless podman with another hooks_dir", "h200", "/home/ada",
         [](DoctoredHost& host) {
             rootless_podman(host);
             host.files.file("/home/ada/.config/containers/containers.conf",
                             "[engine]\nhooks_dir = [\"/home/ada/hooks\"]\n");
             answer(host, "podman version 4.3.1\n");
         }},
        {GR0906, "rootless podman without hooks_dir before 1.9", "h200", "/home/ada",
         [](DoctoredHost& host) {
             rootless_podman(host);
             host.files.remove("/home/ada/.config");
             answer(host, "podman version 1.8.2\n");
         }},
        {GR0911, "hook file of the same name in a later directory", "h200",
         "/etc/containers/oci/hooks.d/99-grapnel.json masks /usr/share",
         with_mask(hook_file("/usr/bin/oci-trace"))},
        {GR0911, "idle hook file of the same name", "h200", "masks",
         with_mask(R"({"version": "1.0.0", "hook": {"path": "/usr/bin/grapnel-hook"},)"
                   R"( "when": {"always": false}, "stages": ["prestart"]})")},
        {GR0911, "hook file of the same name in the other usual directory", "h200",
         "if podman reads both",
         [](DoctoredHost& host) {
             with_mask(hook_file("/usr/bin/oci-trace"))(host);
             host.files.remove("/etc/containers/containers.conf");
         }},
        {GR0911, "hook file of the same name for a user", "h200", "masks",
         [](DoctoredHost& host) {
             rootless_podman(host);
             host.files.file("/usr/bin/oci-trace", "");
             host.files.file("/home/ada/hooks/99-grapnel.json", hook_file("/usr/bin/oci-trace"));
             host.files.file("/home/ada/.config/containers/containers.conf",
                             "[engine]\nhooks_dir = [\"/usr/share/containers/oci/hooks.d\", "
                             "\"/home/ada/hooks\"]\n");
         }},
        {GR0901, "podman that looks for CDI files elsewhere", "h200", "cdi_spec_dirs",
         [](DoctoredHost& host) {
             podman_on_cdi(host);
             host.files.file("/etc/containers/containers.conf",
                             "[engine]\ncdi_spec_dirs = [\"/srv/cdi\"]\n");
         }},
        {GR0908, "user without a login of systemd", "h200", "/run/user/1000",
         [](DoctoredHost& host) {
             podman(host);
             log_in(host);
             host.files.directory("/run/systemd/system");
             host.files.remove("/run/user");
         }},
    };
    return table;
}

const std::vector<NearFault>& healthy_clusters() {
    static const std::vector<NearFault> table{
        {"IOMMU group of the host", "h200",
         [](DoctoredHost& host) {
             add_to_group(host, "0000:00:06.0", "nvidia");
             add_to_group(host, "0000:00:06.1", "snd_hda_intel");
             add_to_group(host, "0000:00:01.1", "pcieport");
         }},
        {"Nomad with the runtime", "h200",
         [](DoctoredHost& host) {
             nomad(host, std::string(gpu_plugin) + "plugin \"docker\" { config {\n"
                             + "  # allow_runtimes = [\"runc\"]\n  nvidia_runtime = \"nvidia\"\n"
                             + "  allow_runtimes = [\n    \"runc\",\n    \"nvidia\"\n  ]\n} }\n");
         }},
        {"Nomad with another name of the runtime that Docker has", "h200",
         [](DoctoredHost& host) {
             nomad(host, std::string(gpu_plugin) + "plugin \"docker\" { config {\n"
                             + "  nvidia_runtime = \"grapnel\"\n"
                             + "  allow_runtimes = [\"runc\", \"grapnel\"]\n} }\n");
             docker(host, R"({"runtimes": {"grapnel": {"path": "/usr/bin/grapnel-runtime"}}})");
         }},
        {"Nomad that allows the runtime, in JSON", "h200",
         [](DoctoredHost& host) {
             nomad(host, "data_dir = \"/opt/nomad/data\"\n");
             host.files.file(
                 "/etc/nomad.d/client.json",
                 R"({"plugin": {"docker": {"config": {"allow_runtimes": ["runc", "nvidia"]}}}})");
         }},
        {"Nomad with its plugin elsewhere", "h200",
         [](DoctoredHost& host) {
             nomad(host, std::string(gpu_plugin) + "data_dir = \"/srv/nomad\"\n");
             host.files.file("/srv/nomad/plugins/nomad-device-nvidia", "");
             host.files.set_mode("/srv/nomad/plugins/nomad-device-nvidia", 0755);
         }},
        {"nvidia-uvm that an install line would replace", "h200",
         file("/etc/modprobe.d/x.conf", "install nvidia-uvm /bin/false\n")},
        {"symbols of another module", "h200",
         [](DoctoredHost& host) {
             host.here.kernel_log = {"nvidia: Unknown symbol drm_gem_object_put (err -2)"};
         }},
        {"program of the runtime in dockerd's PATH", "h200",
         [](DoctoredHost& host) {
             docker(host, R"({"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}})");
             start(host, "77", "dockerd", "dockerd", "PATH=/opt/bin:/usr/bin");
             host.files.link("/opt/bin/nvidia-container-runtime", "/usr/bin/grapnel-runtime");
         }},
        {"program of the runtime for a dockerd of another user", "h200",
         [](DoctoredHost& host) {
             docker(host, R"({"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}})");
             start(host, "77", "dockerd", "dockerd", "");
         }},
        {"other runtime that is in no PATH", "h200",
         [](DoctoredHost& host) {
             register_runtime(host);
             docker(host, R"({"runtimes": {"nvidia": {"path": "/usr/bin/grapnel-runtime"},)"
                          R"( "kata": {"path": "kata-runtime"}}})");
         }},
        {"keys of daemon.json that look alike", "h200",
         [](DoctoredHost& host) {
             register_runtime(host, R"("ip6tables": true, "dns-opts": [], "log-level": "info",)"
                                    R"( "default-runtime": "nvidia")");
         }},
        {"hooks_dir that is a list", "h200",
         with_file(podman, "/etc/containers/containers.conf",
                   "[engine]\nhooks_dir = [\"/usr/share/containers/oci/hooks.d\"]\n")},
        {"kubelet with cgroupfs by its option", "h200",
         [](DoctoredHost& host) {
             containerd_beside(host, "--cgroup-driver=cgroupfs");
             host.files.file("/var/lib/kubelet/config.yaml", "cgroupDriver: systemd\n");
         }},
        {"dockerd with a runtime by file alone", "h200",
         dockerd_unit("/etc/systemd/system/docker.service.d/gpu.conf",
                      "ExecStart=/usr/bin/dockerd -H fd:// --add-runtime=nvidia=/x\n"
                      "ExecStart=\nExecStart=/usr/bin/dockerd -H fd://\n")},
        {"dockerd with hosts by option alone", "h200",
         dockerd_unit("/lib/systemd/system/docker.service",
                      "ExecStart=/usr/bin/dockerd -H fd:// --data-root-x=y\n")},
        {"user namespaces that are on", "h200",
         [](DoctoredHost& host) {
             rootless_podman(host);
             host.files.file("/proc/sys/user/max_user_namespaces", "28633\n");
             host.files.file("/proc/sys/kernel/unprivileged_userns_clone", "1\n");
         }},
        {"user namespaces that nobody needs", "h200",
         with_file(podman, "/proc/sys/user/max_user_namespaces", "0\n")},
        {"CDI file of everybody", "h200",
         [](DoctoredHost& host) {
             rootless_podman(host);
             gpu_cdi_file(host, "/etc/cdi/nvidia.yaml");
             host.files.set_mode("/etc/cdi/nvidia.yaml", 0644);
             host.files.set_mode("/etc/cdi", 0755);
         }},
        {"CDI file of root alone without rootless podman", "h200",
         [](DoctoredHost& host) {
             podman(host);
             gpu_cdi_file(host, "/etc/cdi/nvidia.yaml");
             host.files.set_mode("/etc/cdi/nvidia.yaml", 0600);
         }},
        {"Nomad without GPUs", "h200",
         [](DoctoredHost& host) {
             nomad_on_hook(host, "plugin \"docker\" { config { allow_runtimes = [\"runc\"] } }\n");
             host.files.remove("/opt/nomad");
         }},
        {"Slurm with the node's GPU", "h200",
         [](DoctoredHost& host) {
             slurm(host,
                   "NodeName=node[01-06,08] Name=gpu File=/dev/nvidia[0-7]\n"
                   "NodeName=node07 Name=gpu File=/dev/nvidia0 Cores=0-15\n"
                   "NodeName=node09 AutoDetect=nvml\n",
                   with_gpus);
             host.files.file("/usr/lib64/slurm/gpu_generic.so", "");
         }},
        {"gres.conf with blanks and quotes", "h200",
         [](DoctoredHost& host) {
             slurm(host, "NodeName = node07 Name = gpu \\\n\tFile = \"/dev/nvidia0\"\n",
                   "GresTypes = \"gpu\"\n");
         }},
        {"Slurm with NVML", "h200",
         [](DoctoredHost& host) {
             slurm(host, "AutoDetect=nvml\nName=gpu\n", with_gpus);
             host.files.file("/usr/lib64/slurm/gpu_generic.so", "");
             host.files.file("/usr/lib64/slurm/gpu_nvml.so", "");
         }},
        {"Slurm 24.11 that detects GPUs without NVML", "h200",
         [](DoctoredHost& host) {
             slurm(host, "AutoDetect=nvidia\n", with_gpus);
             host.files.file("/usr/lib64/slurm/gpu_generic.so", "");
             host.files.file("/usr/lib64/slurm/gpu_nvidia.so", "");
         }},
        {"GresTypes in an included file", "h200",
         [](DoctoredHost& host) {
             slurm(host, "Name=gpu File=/dev/nvidia0\n", "include /etc/slurm/gpus.conf\n");
         }},
        {"enroot with its hook", "h200", enroot},
        {"GPU that the driver does not exclude", "h200",
         file("/proc/driver/nvidia/gpus/0000:00:06.0/information",
              "Model: \t NVIDIA H200\nDevice Minor: \t 0\nGPU Excluded:\t No\n")},
        {"directory of the records", "h200", directory("/run/grapnel")},
        {"DOCKER_HOST of this machine", "h200",
         [](DoctoredHost& host) {
             use_docker_as_user(host);
             host.here.docker_host = "unix:///run/docker.sock";
         }},
        {"docker's default context", "h200",
         [](DoctoredHost& host) {
             use_docker_as_user(host);
             context(host, "tcp://farm:2376");
             host.files.file("/home/ada/.docker/config.json", R"({"currentContext": "default"})");
         }},
        {"docker of root", "h200",
         [](DoctoredHost& host) {
             use_docker_as_user(host);
             host.here.groups = {0};
             host.here.user = 0;
         }},
        {"user in the group docker", "h200", use_docker_as_user},
        {"docker context of a rootless dockerd", "h200",
         [](DoctoredHost& host) {
             use_docker_as_user(host);
             context(host, "unix:///run/user/1000/docker.sock");
         }},
        {"hook file of the version before", "h200",
         with_file(
             podman, "/etc/containers/oci/hooks.d/a.json",
             R"({"version": "0.1.0", "hook": "/usr/bin/grapnel-hook", "stage": ["prestart"]})")},
        {"leftover of NVIDIA's hook beside ours", "h200",
         with_file(podman, "/etc/containers/oci/hooks.d/oci-nvidia-hook.json",
                   hook_file("/usr/bin/nvidia-container-toolkit"))},
        {"leftover of another hook", "h200",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json", hook_file("/opt/gone/oci-trace"))},
        {"hook for some commands", "h200",
         with_hook(R"("when": {"commands": ["nvidia-smi"]}, "stages": ["prestart"])")},
        {"hook for containers with mounts", "h200",
         with_hook(R"("when": {"hasBindMounts": true}, "stages": ["prestart"])")},
        {"idle hook beside one that runs", "h200",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json",
                   R"({"version": "1.0.0", "hook": {"path": "/usr/bin/grapnel-hook"},)"
                   R"( "when": {"always": false}, "stages": ["prestart"]})")},
        {"missing program of an idle hook", "h200",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json",
                   R"({"version": "1.0.0", "hook": {"path": "/opt/gone"}, "when": {},)"
                   R"( "stages": ["prestart"]})")},
        {"hook file without a version", "h200",
         with_file(podman, "/etc/containers/oci/hooks.d/a.json",
                   R"({"hook": "/usr/bin/grapnel-hook", "stages": ["prestart"]})")},
        {"rootless podman of 1.9 without hooks_dir", "h200",
         [](DoctoredHost& host) {
             rootless_podman(host);
             host.files.remove("/home/ada/.config");
             answer(host, "podman version 1.9.0\n");
         }},
        {"hook file of another name in a later directory", "h200",
         [](DoctoredHost& host) {
             with_mask("")(host);
             host.files.remove("/etc/containers/oci/hooks.d/99-grapnel.json");
             host.files.file("/etc/containers/oci/hooks.d/99-grapnel-trace.json",
                             hook_file("/usr/bin/oci-trace"));
         }},
        {"hook file of the same name in an earlier directory", "h200",
         with_mask(hook_file("/usr/bin/oci-trace"),
                   R"("/etc/containers/oci/hooks.d", "/usr/share/containers/oci/hooks.d")")},
        {"hook file of the same name in a directory that podman does not read", "h200",
         with_mask(hook_file("/usr/bin/oci-trace"), R"("/usr/share/containers/oci/hooks.d")")},
        {"hook file of the same name without its program", "h200",
         with_mask(hook_file("/opt/gone/oci-trace"))},
        {"two files of our hook with one name", "h200",
         with_mask(hook_file("/usr/bin/grapnel-hook"))},
        {"podman with a CDI file alone", "h200", podman_on_cdi},
        {"podman with a CDI file in its own directory", "h200",
         [](DoctoredHost& host) {
             podman_on_cdi(host);
             host.files.remove("/etc/cdi");
             gpu_cdi_file(host, "/srv/cdi/nvidia.yaml");
             host.files.file("/etc/containers/containers.conf",
                             "[engine]\ncdi_spec_dirs = [\"/srv/cdi\"]\n");
         }},
        {"hook program of this machine", "h200", file("/usr/bin/grapnel-hook", elf_file({}))},
        {"user with a login of systemd", "h200",
         [](DoctoredHost& host) {
             podman(host);
             log_in(host);
             host.files.directory("/run/systemd/system");
         }},
        {"enroot that was unpacked alone", "h200",
         [](DoctoredHost& host) { host.files.file("/usr/bin/enroot", ""); }},
    };
    return table;
}

} // namespace grapnel::test
