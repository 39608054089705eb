// SPDX-License-Identifier: Apache-2.0
// The low-level runtime that makes the container.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"

#include <string>
#include <vector>

namespace grapnel {

/// The first candidate that is a program: with a slash as it is, otherwise in PATH and then in the
/// usual directories. This program itself does not count, by whatever name it is found, nor does
/// another copy of it or NVIDIA's program of its name.
[[nodiscard]] Result<HostPath> find_low_level_runtime(const std::vector<std::string>& candidates);

} // namespace grapnel
