// SPDX-License-Identifier: Apache-2.0
// CDI files of the directories that engines read, compared with the host.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "cdi/form.hpp"
#include "doctor/cdi_scan.hpp"
#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::cdi_command {

/// A CDI file that was read.
using SpecJson = nlohmann::json;

struct SpecFile {
    HostPath path = {};
    doctor_command::CdiScan scan = {};
    std::vector<FormMistake> mistakes = {};
    std::vector<std::string> reasons = {}; ///< why it is stale, each a line
    std::string hook_command = {};         ///< installs the package of a missing hook; may be empty
};

/// JSON or YAML: engines read both as YAML. An error names the line.
[[nodiscard]] Result<nlohmann::json> parse_spec(const std::string& text);

/// The word of `grapnel cdi list`: live, static, stale or malformed.
[[nodiscard]] std::string_view state_of(const SpecFile& file);

/// Files of the directories that engines read, or of `directories`, in order of their paths.
[[nodiscard]] std::vector<HostPath> spec_paths(const sys::HostFs& host,
                                               const std::vector<HostPath>& directories);

/// Compares the file with the host. Without an inventory its devices and the driver's version are
/// not compared. Files of other vendors' kinds are read for their names and their form alone.
[[nodiscard]] SpecFile read_spec_file(const sys::HostFs& host, const HostPath& path,
                                      const Inventory* inventory);

} // namespace grapnel::cdi_command
