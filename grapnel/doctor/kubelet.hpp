// SPDX-License-Identifier: Apache-2.0
// kubelet, and the engine that it starts containers with.
#pragma once

#include "doctor/facts.hpp"

namespace grapnel::doctor_command {

/// kubelet itself, or k3s and microk8s, which run it within their own process.
[[nodiscard]] bool has_kubelet(const Facts& facts);

/// By the socket that kubelet is given; without one by the engine that runs.
[[nodiscard]] bool kubelet_uses_containerd(const Facts& facts);
[[nodiscard]] bool kubelet_uses_crio(const Facts& facts);

/// Whether kubelet's cgroup manager is systemd, by its option or its configuration.
[[nodiscard]] bool kubelet_uses_systemd(const Facts& facts);

/// Engines that do not run, though kubelet needs one or systemd is to start it.
void check_services(const Facts& facts, std::vector<Finding>& findings);

} // namespace grapnel::doctor_command
