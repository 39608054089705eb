// SPDX-License-Identifier: Apache-2.0
// The settings of containerd, by which kubelet starts containers.
#pragma once

#include "doctor/facts.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::doctor_command {

struct ContainerdRuntime {
    std::string name = {};
    std::string program = {};
    std::optional<bool> systemd_cgroup = {};
    std::string file = {}; ///< that says so
};

/// `enable_cdi` and `cdi_spec_dirs` of the CRI plugin.
struct ContainerdCdi {
    std::optional<bool> is_enabled = {};                      ///< nothing: the version's default
    HostPath enabling = {};                                   ///< the file with that key
    std::optional<std::vector<std::string>> directories = {}; ///< nothing: the usual ones
    HostPath listing = {};                                    ///< the file with that key
};

/// The settings of containerd with the files that they import, as far as they matter here.
struct Containerd {
    const Daemon* daemon = nullptr; ///< null: it does not run
    HostPath config = {};
    std::int64_t version = 1; ///< of the file
    std::optional<Error> mistake = {};
    std::vector<HostPath> files = {};    ///< config.toml and its imports
    std::vector<HostPath> sections = {}; ///< files with the CRI plugin's section
    std::vector<std::string> imports = {};
    std::vector<ContainerdRuntime> runtimes = {};
    std::vector<ContainerdRuntime> misplaced = {}; ///< in a section that the file's version has not
    std::string default_runtime = {};
    HostPath disabling = {}; ///< the file that disables the CRI plugin
    ContainerdCdi cdi = {};
};

[[nodiscard]] Containerd containerd_of(const Facts& facts);

/// k3s, RKE2 and microk8s write the file again at each start.
[[nodiscard]] bool is_generated(const Containerd& containerd);
[[nodiscard]] bool is_of_microk8s(const Containerd& containerd);

/// Where a person changes the file that microk8s writes.
inline constexpr std::string_view microk8s_template =
    "/var/snap/microk8s/current/args/containerd-template.toml";

/// The command by which containerd reads its file again.
[[nodiscard]] std::string restart_containerd(const Facts& facts, const Containerd& containerd);

} // namespace grapnel::doctor_command
