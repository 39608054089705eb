// SPDX-License-Identifier: Apache-2.0
// Variants of the engines' configuration with a fault, and their healthy twins.
#include "doctor_builders.hpp"

namespace grapnel::test {

namespace {

using enum doctor_command::Code;

std::string runtime_in(const std::string& section) {
    return "[plugins.\"" + section
           + "\".containerd.runtimes.nvidia.options]\nBinaryName = \"/usr/bin/grapnel-runtime\"\n";
}

void containerd_with(DoctoredHost& host, const std::string& text) {
    host.files.file("/usr/bin/grapnel-runtime", "");
    host.files.file(containerd_toml, text);
    start_containerd(host);
    start_kubelet(host);
}

void crio_with(DoctoredHost& host, const std::string& text) {
    host.files.file("/usr/bin/grapnel-runtime", "");
    host.files.file("/etc/crio/crio.conf.d/99-grapnel.toml", text);
    start(host, "88", "crio");
    start_kubelet(host);
}

constexpr const char* crio_runtime =
    "[crio.runtime.runtimes.nvidia]\nruntime_path = \"/usr/bin/grapnel-runtime\"\n";

constexpr const char* cri_section = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n";

/// kubelet gives pods the devices of a CDI file, and no runtime gives them.
void containerd_on_cdi(DoctoredHost& host, const std::string& text) {
    containerd_with(host, text);
    gpu_cdi_file(host, "/etc/cdi/nvidia.yaml");
}

/// config.toml with `text` in the CRI plugin's section, and a later file with a runtime there.
void containerd_in_two_files(DoctoredHost& host, const std::string& version,
                             const std::string& text, const std::string& file = "99-site.toml") {
    containerd_with(host, "version = 2\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n" + text);
    host.files.file("/etc/containerd/conf.d/" + file,
                    "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]"
                    "\nruntime_type = \"io.containerd.runc.v2\"\n");
    answer(host, "containerd github.com/containerd/containerd " + version + " 05044ec0a9a7\n");
}

constexpr const char* with_cdi = "[plugins.\"io.containerd.grpc.v1.cri\"]\nenable_cdi = true\n";

void containerd_of_version(DoctoredHost& host, const std::string& version) {
    containerd_on_cdi(host, cri_section);
    answer(host, "containerd github.com/containerd/containerd " + version + " 05044ec0a9a7\n");
}

/// Pods get GPUs by Kubernetes' driver for dynamic resource allocation.
void claim(DoctoredHost& host, const std::string& text) {
    containerd_with(host, text + runtime_in("io.containerd.grpc.v1.cri"));
    host.files.file("/run/cdi/k8s.gpu.nvidia.com-claim_12.yaml",
                    "cdiVersion: 0.5.0\nkind: k8s.gpu.nvidia.com/claim\ndevices:\n- name: \"12\"\n"
                    "  containerEdits:\n    env: [A=B]\n");
}

void crio_with_hook(DoctoredHost& host, const std::string& directories) {
    crio_with(host, "[crio.runtime]\nhooks_dir = [" + directories + "]\n");
    host.files.file("/usr/bin/grapnel-hook", "");
    host.files.file("/usr/share/containers/oci/hooks.d/99-grapnel.json",
                    hook_file("/usr/bin/grapnel-hook"));
}

/// CRI-O reads a file of the same name in a later directory.
void crio_with_mask(DoctoredHost& host, const std::string& program) {
    crio_with_hook(host, R"("/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d")");
    host.files.file("/usr/bin/oci-trace", "");
    host.files.file("/etc/containers/oci/hooks.d/99-grapnel.json", hook_file(program));
}

void crio_on_cdi(DoctoredHost& host, const std::string& text) {
    crio_with(host, "[crio.runtime]\n" + text);
    gpu_cdi_file(host, "/run/cdi/nvidia.yaml");
}

/// containerd for Docker beside another engine of kubelet's.
void containerd_without_use(DoctoredHost& host, const std::string& kubelet) {
    host.files.file(containerd_toml, "version = 2\ndisabled_plugins = [\"cri\"]\n");
    start_containerd(host);
    start(host, "89", "kubelet", kubelet);
}

} // namespace

const std::vector<Fault>& engine_faults() {
    static const std::vector<Fault> table{
        {GR1009, "section of version 2 in a file without a version", "h200", "'nvidia'",
         [](DoctoredHost& host) {
             containerd_with(host, runtime_in("io.containerd.grpc.v1.cri"));
         }},
        {GR1009, "section of version 2 in a file of version 3", "h200", "config.toml",
         [](DoctoredHost& host) {
             containerd_with(host, "version = 3\n" + runtime_in("io.containerd.grpc.v1.cri"));
         }},
        {GR1009, "section of version 3 in a file of version 2", "h200", "config.toml",
         [](DoctoredHost& host) {
             containerd_with(host, "version = 2\n" + runtime_in("io.containerd.cri.v1.runtime"));
         }},
        {GR1010, "CRI plugin that is disabled", "h200", "disabled_plugins",
         [](DoctoredHost& host) {
             containerd_with(host, "version = 2\ndisabled_plugins = [\"cri\"]\n"
                                       + runtime_in("io.containerd.grpc.v1.cri"));
         }},
        {GR1011, "default runtime of containerd without an entry", "h200", "'kata'",
         [](DoctoredHost& host) {
             containerd_with(host,
                             "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
                             "default_runtime_name = \"kata\"\n"
                                 + runtime_in("io.containerd.grpc.v1.cri"));
         }},
        {GR1012, "crio.conf that is no TOML", "h200", "99-grapnel.toml",
         [](DoctoredHost& host) { crio_with(host, "[crio.runtime\n"); }},
        {GR1013, "CRI-O without runtime and hook", "h200", "neither a runtime",
         [](DoctoredHost& host) { crio_with(host, "[crio]\n"); }},
        {GR1014, "CRI-O that was not restarted", "h200", "after CRI-O started",
         [](DoctoredHost& host) {
             crio_with(host, crio_runtime);
             start_early(host, "88");
         }},
        {GR1016, "containerd 1.7 with enable_cdi off", "h200", "enable_cdi is false",
         [](DoctoredHost& host) {
             containerd_on_cdi(host, cri_section + std::string("enable_cdi = false\n"));
         }},
        {GR1016, "containerd 1.7 without enable_cdi", "h200", "enable_cdi is missing",
         [](DoctoredHost& host) { containerd_of_version(host, "1.7.27"); }},
        {GR1016, "containerd 2 with enable_cdi off", "h200", "config.toml: enable_cdi is false",
         [](DoctoredHost& host) {
             containerd_on_cdi(host, "version = 3\n[plugins.'io.containerd.cri.v1.runtime']\n"
                                     "enable_cdi = false\n");
         }},
        {GR1016, "claim of a GPU without enable_cdi", "h200", "k8s.gpu.nvidia.com-claim_12.yaml",
         [](DoctoredHost& host) {
             claim(host, cri_section);
             answer(host, "containerd containerd.io 1.7.27 05044ec0a9a7\n");
         }},
        {GR1017, "containerd that looks for CDI files elsewhere", "h200", "cdi_spec_dirs",
         [](DoctoredHost& host) {
             containerd_on_cdi(host, cri_section
                                         + std::string("enable_cdi = true\n"
                                                       "cdi_spec_dirs = [\"/var/run/cdi\"]\n"));
         }},
        {GR1017, "containerd 2 without CDI directories", "h200", "cdi_spec_dirs",
         [](DoctoredHost& host) {
             containerd_on_cdi(host, "version = 3\n[plugins.'io.containerd.cri.v1.runtime']\n"
                                     "cdi_spec_dirs = []\n");
         }},
        {GR1020, "default runtime of CRI-O without an entry", "h200", "'nvidja'",
         [](DoctoredHost& host) {
             crio_with(host, "[crio.runtime]\ndefault_runtime = \"nvidja\"\n"
                                 + std::string(crio_runtime));
         }},
        {GR1020, "default runtime of CRI-O's options", "h200", "--default-runtime",
         [](DoctoredHost& host) {
             crio_with(host, crio_runtime);
             start(host, "88", "crio", "crio --default-runtime kata");
         }},
        {GR1018, "CRI-O that looks for hooks elsewhere", "h200", "99-grapnel.toml: hooks_dir",
         [](DoctoredHost& host) { crio_with_hook(host, "\"/etc/hooks.d\""); }},
        {GR1018, "CRI-O with an option for other hooks", "h200", "--hooks-dir",
         [](DoctoredHost& host) {
             crio_with_hook(host, "\"/usr/share/containers/oci/hooks.d\"");
             start(host, "88", "crio", "crio --hooks-dir /etc/hooks.d");
         }},
        {GR1022, "containerd that forgets a runtime", "h200",
         "99-site.toml: containerd 1.6.20 reads the CRI plugin's settings of this file alone, "
         "without the runtime 'nvidia' of /etc/containerd/config.toml",
         [](DoctoredHost& host) {
             containerd_in_two_files(host, "v1.6.20", runtime_in("io.containerd.grpc.v1.cri"));
         }},
        {GR1022, "containerd that forgets enable_cdi", "h200",
         "without enable_cdi of /etc/containerd/config.toml",
         [](DoctoredHost& host) {
             containerd_in_two_files(host, "v1.7.22", with_cdi, "50-site.toml");
             gpu_cdi_file(host, "/etc/cdi/nvidia.yaml");
         }},
        {GR1021, "CRI-O with a hook file of the same name", "h200", "masks",
         [](DoctoredHost& host) { crio_with_mask(host, "/usr/bin/oci-trace"); }},
        {GR1019, "CRI-O that looks for CDI files elsewhere", "h200", "cdi_spec_dirs",
         [](DoctoredHost& host) { crio_on_cdi(host, "cdi_spec_dirs = [\"/etc/cdi\"]\n"); }},
        {GR1019, "CRI-O with an option for other CDI files", "h200", "--cdi-spec-dirs",
         [](DoctoredHost& host) {
             crio_on_cdi(host, "");
             start(host, "88", "crio", "crio --cdi-spec-dirs=/etc/cdi,/srv/cdi");
         }},
        {GR1005, "containerd that was not restarted after enable_cdi", "h200", "after containerd",
         [](DoctoredHost& host) {
             containerd_on_cdi(host, cri_section + std::string("enable_cdi = true\n"));
             start_early(host, "88");
         }},
        {GR1006, "containerd without runtime and CDI file", "h200", "no runtime gives",
         [](DoctoredHost& host) {
             containerd_with(host, cri_section + std::string("enable_cdi = false\n"));
         }},
        {GR1006, "k3s with a template of its own", "h200", "kubelet",
         [](DoctoredHost& host) {
             const std::string directory = "/var/lib/rancher/k3s/agent/etc/containerd/";
             host.files.file(directory + "config.toml", "version = 2\n");
             host.files.file(directory + "config.toml.tmpl", "version = 2\n");
             start(host, "88", "containerd", "containerd -c " + directory + "config.toml");
             start(host, "89", "k3s-server", "k3s server");
         }},
        {GR1007, "cgroup manager of microk8s", "h200", "kubelet",
         [](DoctoredHost& host) {
             const std::string file = "/var/snap/microk8s/6089/args/containerd.toml";
             host.files.file("/usr/bin/grapnel-runtime", "");
             host.files.file(file, "version = 2\n" + runtime_in("io.containerd.grpc.v1.cri"));
             host.files.file("/var/lib/kubelet/config.yaml", "cgroupDriver: systemd\n");
             start(host, "88", "containerd", "containerd --config " + file);
             start(host, "89", "kubelite");
         }},
        {GR0905, "a user's containers.conf that is no TOML", "h200", "/home/anna/.config",
         [](DoctoredHost& host) {
             podman(host);
             rootless_storage(host, "/home/anna");
             host.files.file("/home/anna/.config/containers/containers.conf", "[engine\n");
         }},
        {GR0906, "rootless podman with a home outside of /home", "h200", "/srv/anna",
         [](DoctoredHost& host) {
             podman(host);
             rootless_storage(host, "/srv/anna");
             host.files.file("/etc/passwd", "anna:x:1000:1000::/srv/anna:/bin/sh\n");
             host.files.file("/etc/subuid", "anna:100000:65536\n");
             host.files.file("/etc/subgid", "1000:100000:65536\n");
         }},
        {GR0802, "rootless dockerd in its own mount namespace", "h200", "/home/anna/.config",
         [](DoctoredHost& host) {
             host.files.file("/home/anna/.config/docker/daemon.json", "{}");
             start_dockerd(host);
             host.files.file("/proc/77/status", "Uid:\t1000\t1000\t1000\t1000\nNSpid:\t77\n");
             host.files.file("/proc/77/environ", std::string("HOME=/home/anna") + '\0');
             host.files.link("/proc/77/ns/mnt", "mnt:[2]");
             host.files.link("/proc/self/ns/mnt", "mnt:[1]");
             host.files.link("/proc/77/root", "/");
         }},
    };
    return table;
}

const std::vector<NearFault>& healthy_engines() {
    static const std::vector<NearFault> table{
        {"containerd with a file of version 1", "h200",
         [](DoctoredHost& host) {
             containerd_with(host, "[plugins.cri.containerd.runtimes.nvidia]\n"
                                   "runtime_engine = \"/usr/bin/grapnel-runtime\"\n");
         }},
        {"containerd with a file of version 3", "h200",
         [](DoctoredHost& host) {
             containerd_with(host,
                             "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd]"
                             "\ndefault_runtime_name = \"nvidia\"\n"
                                 + runtime_in("io.containerd.cri.v1.runtime"));
         }},
        {"containerd with both sections", "h200",
         [](DoctoredHost& host) {
             containerd_with(host, "version = 3\n" + runtime_in("io.containerd.cri.v1.runtime")
                                       + runtime_in("io.containerd.grpc.v1.cri"));
         }},
        {"default runtime of containerd by its usual name", "h200",
         [](DoctoredHost& host) {
             containerd_with(host,
                             "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
                             "default_runtime_name = \"runc\"\n"
                                 + runtime_in("io.containerd.grpc.v1.cri"));
         }},
        {"containerd that was started within a second of its file", "h200",
         [](DoctoredHost& host) {
             containerd_with(host, "version = 2\n" + runtime_in("io.containerd.grpc.v1.cri"));
             start_early(host, "88");
             host.here.boot_ns = 1'000;
         }},
        {"CRI-O that was started after its file", "h200",
         [](DoctoredHost& host) {
             crio_with(host, crio_runtime);
             start_early(host, "88");
             host.files.file("/proc/stat", "btime 1000000\n");
         }},
        {"kubelet with CRI-O beside Docker's containerd", "h200",
         [](DoctoredHost& host) {
             crio_with(host, crio_runtime);
             host.files.file(containerd_toml, "version = 2\ndisabled_plugins = [\"cri\"]\n");
             start(host, "90", "containerd");
         }},
        {"kubelet with cri-dockerd", "h200",
         [](DoctoredHost& host) {
             containerd_without_use(
                 host, "kubelet --container-runtime-endpoint=unix:///run/cri-dockerd.sock");
         }},
        {"kubelet with CRI-O by its configuration", "h200",
         [](DoctoredHost& host) {
             containerd_without_use(host, "kubelet --config=/etc/kubelet.yaml");
             host.files.file("/etc/kubelet.yaml",
                             "containerRuntimeEndpoint: unix:///var/run/crio/crio.sock\n");
             host.files.file("/usr/bin/grapnel-runtime", "");
             host.files.file("/etc/crio/crio.conf.d/99-grapnel.toml", crio_runtime);
             start(host, "90", "crio");
         }},
        {"CRI-O with a hook", "h200",
         [](DoctoredHost& host) {
             crio_with(host, "[crio.runtime]\nhooks_dir = [\"/etc/hooks.d\"]\n");
             host.files.file("/etc/hooks.d/a.json",
                             R"({"version": "1.0.0", "hook": {"path": "/usr/bin/grapnel-hook"}})");
         }},
        {"containerd 1.7 with enable_cdi", "h200",
         [](DoctoredHost& host) {
             containerd_on_cdi(host, cri_section + std::string("enable_cdi = true\n"));
         }},
        {"containerd 2 without enable_cdi", "h200",
         [](DoctoredHost& host) { containerd_of_version(host, "v2.0.5"); }},
        {"containerd with a file of version 3 and a CDI file", "h200",
         [](DoctoredHost& host) { containerd_on_cdi(host, "version = 3\n"); }},
        {"containerd with a runtime and enable_cdi off", "h200",
         [](DoctoredHost& host) {
             containerd_on_cdi(host, cri_section + std::string("enable_cdi = false\n")
                                         + runtime_in("io.containerd.grpc.v1.cri"));
         }},
        {"claim of a GPU with enable_cdi", "h200",
         [](DoctoredHost& host) { claim(host, cri_section + std::string("enable_cdi = true\n")); }},
        {"containerd with another CDI directory, which is read", "h200",
         [](DoctoredHost& host) {
             containerd_on_cdi(host, cri_section
                                         + std::string("enable_cdi = true\n"
                                                       "cdi_spec_dirs = [\"/srv/cdi\"]\n"));
             gpu_cdi_file(host, "/srv/cdi/nvidia.yaml");
         }},
        {"containerd with /var/run among its CDI directories", "h200",
         [](DoctoredHost& host) {
             containerd_with(host, cri_section
                                       + std::string("enable_cdi = true\n"
                                                     "cdi_spec_dirs = [\"/var/run/cdi\"]\n"));
             gpu_cdi_file(host, "/run/cdi/nvidia.yaml");
         }},
        {"Docker's containerd with enable_cdi off", "h200",
         [](DoctoredHost& host) {
             host.files.file(containerd_toml, cri_section + std::string("enable_cdi = false\n"));
             start_containerd(host);
             gpu_cdi_file(host, "/etc/cdi/nvidia.yaml");
         }},
        {"default runtime of CRI-O with an entry", "h200",
         [](DoctoredHost& host) {
             crio_with(host, "[crio.runtime]\ndefault_runtime = \"nvidia\"\n"
                                 + std::string(crio_runtime));
         }},
        {"default runtime that CRI-O knows", "h200",
         [](DoctoredHost& host) {
             crio_with(host,
                       "[crio.runtime]\ndefault_runtime = \"crun\"\n" + std::string(crio_runtime));
         }},
        {"CRI-O with the directory of the hook", "h200",
         [](DoctoredHost& host) {
             crio_with_hook(host, "\"/etc/hooks.d\", \"/usr/share/containers/oci/hooks.d\"");
         }},
        {"CRI-O with a hook in the usual directory", "h200",
         [](DoctoredHost& host) {
             crio_with_hook(host, "");
             host.files.file("/etc/crio/crio.conf.d/99-grapnel.toml", "[crio.runtime]\n");
         }},
        {"containerd that merges two files", "h200",
         [](DoctoredHost& host) {
             containerd_in_two_files(host, "v2.1.3", with_cdi);
             gpu_cdi_file(host, "/etc/cdi/nvidia.yaml");
         }},
        {"containerd with a last file that repeats the settings", "h200",
         [](DoctoredHost& host) {
             containerd_in_two_files(host, "v1.7.22", with_cdi);
             gpu_cdi_file(host, "/etc/cdi/nvidia.yaml");
             host.files.file("/etc/containerd/conf.d/99-site.toml",
                             std::string(with_cdi) + runtime_in("io.containerd.grpc.v1.cri"));
         }},
        {"containerd with a file of another plugin", "h200",
         [](DoctoredHost& host) {
             containerd_in_two_files(host, "v1.6.20", runtime_in("io.containerd.grpc.v1.cri"));
             host.files.file("/etc/containerd/conf.d/99-site.toml",
                             "version = 2\n[plugins.\"io.containerd.gc.v1.scheduler\"]\n"
                             "startup_delay = \"1s\"\n");
         }},
        {"CRI-O with two files of our hook", "h200",
         [](DoctoredHost& host) { crio_with_mask(host, "/usr/bin/grapnel-hook"); }},
        {"CRI-O with a runtime beside a masked hook", "h200",
         [](DoctoredHost& host) {
             crio_with_mask(host, "/usr/bin/oci-trace");
             host.files.file("/etc/crio/crio.conf.d/50-nvidia.toml", crio_runtime);
         }},
        {"CRI-O with a runtime beside other hooks", "h200",
         [](DoctoredHost& host) {
             crio_with_hook(host, "\"/etc/hooks.d\"");
             host.files.file("/etc/crio/crio.conf.d/10-runtime.toml", crio_runtime);
         }},
        {"CRI-O with a CDI file", "h200",
         [](DoctoredHost& host) {
             crio_on_cdi(host, "cdi_spec_dirs = [\"/etc/cdi\", \"/var/run/cdi\"]\n");
         }},
        {"CRI-O with a CDI file in the usual directory", "h200",
         [](DoctoredHost& host) { crio_on_cdi(host, ""); }},
        {"CRI-O without kubelet", "h200", [](DoctoredHost& host) { start(host, "88", "crio"); }},
        {"a service's home without podman", "h200",
         [](DoctoredHost& host) {
             podman(host);
             rootless_storage(host, "/var/lib/none");
             host.files.file("/etc/passwd", "ada:x:1000:1000::/srv/ada:/bin/sh\n"
                                            "daemon:x:7:7::/var/lib/none:/bin/false\n");
         }},
        {"runc without an engine", "h200", [](DoctoredHost&) {}},
    };
    return table;
}

} // namespace grapnel::test
