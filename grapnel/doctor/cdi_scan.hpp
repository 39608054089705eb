// SPDX-License-Identifier: Apache-2.0
// The host paths, hooks and device nodes that a CDI file names.
#pragma once

#include "base/device_number.hpp"
#include "base/path.hpp"
#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

#include <nlohmann/json_fwd.hpp>
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
    std::string version = {}; ///< of CDI
    std::string kind = {};
    std::vector<std::string> names = {}; ///< of its devices
    std::vector<HostPath> host_paths = {};
    std::vector<HostPath> hooks = {}; ///< programs
    std::vector<CdiNode> nodes = {};
    bool is_live = false;     ///< it has a hook of a live file
    std::string options = {}; ///< the value of cdi_options_variable; empty: without it
};

[[nodiscard]] CdiScan scan_cdi_json(const nlohmann::json& json);

/// Missing paths of the host, and device nodes with another number: each as the end of a sentence
/// that begins with "it names".
[[nodiscard]] std::vector<std::string> stale_paths(const sys::HostFs& host, const CdiScan& scan);

/// GPUs and MIG devices that a file of the kind nvidia.com/gpu lacks, as "GPU 1" and "MIG device
/// 0:1". Empty for a file with the device `all` alone.
[[nodiscard]] std::vector<std::string> missing_devices(const Inventory& inventory,
                                                       const CdiScan& scan);

} // namespace grapnel::doctor_command
