// SPDX-License-Identifier: Apache-2.0
// Empty files of the driver's names in layers of images: mount points that other tools made.
#pragma once

#include "sys/host_fs.hpp"

#include <string>
#include <vector>

namespace grapnel::doctor_command {

/// "LAYER: PATH" of each file. Skips the layers of containers, in which mount points are right.
/// `data`: directories of engines (/var/lib/docker). Reads through sys::RootDir. At most 2000
/// layers are read.
[[nodiscard]] std::vector<std::string> find_leftovers(const sys::HostFs& host,
                                                      const std::vector<HostPath>& data);

} // namespace grapnel::doctor_command
