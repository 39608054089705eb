// SPDX-License-Identifier: Apache-2.0
// The container engines of this host, and how each gives containers the driver.
#pragma once

#include "sys/host_fs.hpp"

#include <string>
#include <vector>

namespace grapnel {

struct HostEngine {
    std::string name = {};
    std::string program = {};              ///< its path; empty: not installed
    std::vector<std::string> entries = {}; ///< "FILE: entry" of Grapnel or NVIDIA

    bool operator==(const HostEngine&) const = default;
};

/// Engines that are installed or configured, and "cdi" for CDI files. Files that cannot be read
/// count as missing.
[[nodiscard]] std::vector<HostEngine> host_engines(const sys::HostFs& host);

} // namespace grapnel
