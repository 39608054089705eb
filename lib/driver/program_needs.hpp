// SPDX-License-Identifier: Apache-2.0
// Files that the driver's programs need to start in a container. A program of NixOS or Talos names
// a loader that images lack (PT_INTERP), and by DT_RUNPATH the libraries that this loader finds.
#pragma once

#include "base/notices.hpp"
#include "driver/inventory.hpp"

#include <vector>

namespace grapnel::driver {

/// The loaders of such programs with the libraries that they find, at the places of the host.
/// Notes the loader of other programs. Warns of a program that is a script, that lacks one of
/// these, or whose library lies where this process cannot read (InventoryScope::readable).
[[nodiscard]] std::vector<SamePlace> program_needs(const sys::HostFs& host,
                                                   const std::vector<HostPath>& readable,
                                                   std::vector<Binary>& programs, Notices& notices);

} // namespace grapnel::driver
