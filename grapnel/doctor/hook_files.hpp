// SPDX-License-Identifier: Apache-2.0
// Hook files of podman and CRI-O (oci-hooks(5)).
#pragma once

#include "doctor/facts.hpp"

#include <optional>
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

/// A file with our hook, and the file of the same name in a later directory that masks it.
struct MaskedHook {
    HookFile masked = {};
    HookFile mask = {};
};

/// The first such pair in directories of increasing precedence; nothing if no file masks our hook.
[[nodiscard]] std::optional<MaskedHook> masked_hook(const sys::HostFs& host,
                                                    const std::vector<HostPath>& directories);

/// Takes the mask away: another program's file gets another name, an idle file of ours is removed.
[[nodiscard]] std::string unmask_command(const sys::HostFs& host, const MaskedHook& hook);

} // namespace grapnel::doctor_command
