// SPDX-License-Identifier: Apache-2.0
// Parts of a host that grapnel doctor looks at: GPUs, mounts, engines and their containers.
#pragma once

#include "doctor_faults.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace grapnel::test {

/// Changes of one file, and of the kernel log.
[[nodiscard]] Change file(std::string path, std::string text);
[[nodiscard]] Change directory(std::string path);
[[nodiscard]] Change without(std::string path);
[[nodiscard]] Change kernel_log(std::string line);
/// `base`, and a file.
[[nodiscard]] Change with_file(Change base, std::string path, std::string text);

/// A GPU on the bus; without a driver if `driver` is empty.
void pci(DoctoredHost& host, const std::string& address, const std::string& driver = {},
         const std::string& device_class = "0x030200");
/// As after rmmod: the GPU is on the bus.
void unload(DoctoredHost& host);
/// The driver is installed, and its module not loaded.
void install_unloaded(DoctoredHost& host);
/// The same, with this file of the kernel's directory as the module.
void install_module(DoctoredHost& host, const std::string& module);
inline constexpr std::string_view running_kernel = "/lib/modules/6.1.0-28-amd64/";
/// nvidia-uvm is not loaded.
void unload_uvm(DoctoredHost& host);

/// The mount table: /dev, cgroup v2 and `more`.
void mount_table(DoctoredHost& host, const std::string& more = {});

/// A daemon of root's. `words` is its command line, with a blank between two; empty: its name.
void start(DoctoredHost& host, const std::string& pid, const std::string& name,
           std::string words = {}, const std::string& environment = "PATH=/usr/sbin:/usr/bin");
void start_dockerd(DoctoredHost& host);
void start_containerd(DoctoredHost& host);
void start_kubelet(DoctoredHost& host);
/// The process started before every file was changed.
void start_early(DoctoredHost& host, const std::string& pid);
/// The unit is to be started with the host.
void enable(DoctoredHost& host, const std::string& unit);
/// Each program that doctor starts says this.
void answer(DoctoredHost& host, const std::string& text);

inline constexpr const char* daemon_json = "/etc/docker/daemon.json";
/// Members of daemon.json
inline const std::string our_runtime =
    R"("runtimes": {"nvidia": {"path": "/usr/bin/grapnel-runtime"}})";
/// daemon.json, where Docker does not run.
void docker(DoctoredHost& host, const std::string& text);
/// daemon.json with our runtime, and more members.
void register_runtime(DoctoredHost& host, const std::string& members = {});

struct DockerContainer {
    std::string program = "nvidia-smi";
    std::string state = R"("Running": false, "ExitCode": 127)"; ///< not found
    std::string variables = R"("NVIDIA_VISIBLE_DEVICES=all")";  ///< JSON strings
    std::string config = {}; ///< more members of "Config", with a comma after each
    std::string runtime = "nvidia";
    std::string data = "/var/lib/docker";
};
/// Docker has our runtime, and this container.
void docker_container(DoctoredHost& host, const DockerContainer& container);

/// A CDI file with the GPU 0.
void gpu_cdi_file(DoctoredHost& host, const std::string& path);

[[nodiscard]] std::string hook_file(const std::string& program);
/// podman, and a hook: ours, or that program.
void podman(DoctoredHost& host);
void podman_with(DoctoredHost& host, const std::string& program);
/// A user with that home has started containers.
void rootless_storage(DoctoredHost& host, const std::string& home);

inline constexpr const char* containerd_toml = "/etc/containerd/config.toml";

void selinux(DoctoredHost& host, const std::string& boolean = "0 0\n");

} // namespace grapnel::test
