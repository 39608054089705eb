// SPDX-License-Identifier: Apache-2.0
// Hook files of podman and CRI-O (oci-hooks(5)).
#pragma once

#include "doctor/facts.hpp"

#include <string>
#include <vector>

namespace grapnel::doctor_command {

struct HookFile {
    HostPath path = {};
    std::string mistake = {}; ///< for which podman starts no container
    std::string idle = {};    ///< why the hook runs for no container; empty: it runs for some
    std::string program = {};
};

/// The files *.json of that directory.
[[nodiscard]] std::vector<HookFile> hooks_in(const sys::HostFs& host, const HostPath& directory);

} // namespace grapnel::doctor_command
