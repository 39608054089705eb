// SPDX-License-Identifier: Apache-2.0
// The host paths, hooks and device nodes that a CDI file names.
#pragma once

#include "base/device_number.hpp"
#include "base/path.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::doctor_command {

struct CdiNode {
    HostPath path = {};
    std::optional<DeviceNumber> number = {};
};

struct CdiScan {
    std::string kind = {};
    std::vector<std::string> names = {}; ///< of its devices
    std::vector<HostPath> host_paths = {};
    std::vector<HostPath> hooks = {}; ///< programs
    std::vector<CdiNode> nodes = {};
};

[[nodiscard]] CdiScan scan_cdi_json(const nlohmann::json& json);

/// Reads the YAML that nvidia-ctk writes, with a key and its value on a line. Skips other lines.
[[nodiscard]] CdiScan scan_cdi_yaml(std::string_view text);

} // namespace grapnel::doctor_command
