// SPDX-License-Identifier: Apache-2.0
// Directories in which distributions and installers keep libraries.
#pragma once

#include "base/path.hpp"

#include <optional>
#include <vector>

namespace grapnel::driver {

/// Where distributions keep libraries, the driver's or not.
[[nodiscard]] std::vector<HostPath> usual_library_directories(bool with_32bit);

/// The directory that a library directory is `lib` or `lib64` of, or lies below: /usr of
/// /usr/lib/x86_64-linux-gnu/nvidia/current.
[[nodiscard]] std::optional<HostPath> prefix_of(const HostPath& library_directory);

} // namespace grapnel::driver
