// SPDX-License-Identifier: Apache-2.0
// A file for the Container Device Interface,
// https://github.com/cncf-tags/container-device-interface (SPEC.md, version 0.5.0: the first in
// which a device's name may begin with a digit).
//
// The file is live: each device brings a hook of ours and nothing else, so that the driver, its
// version, its libraries and its nodes are those of the moment at which a container starts.
#pragma once

#include "base/path.hpp"
#include "driver/inventory.hpp"

#include <string>
#include <vector>

namespace grapnel {

/// How GPUs and MIG devices are named: 0 and 0:1; GPU-<UUID> and MIG-<UUID>; gpu0 and mig0:1.
enum class CdiNaming { index, uuid, type_index };

struct CdiOptions {
    HostPath hook; ///< grapnel-hook
    std::vector<CdiNaming> naming = {CdiNaming::index, CdiNaming::uuid};
};

/// Of the kind nvidia.com/gpu, as JSON, with the device `all`. A GPU that cannot be given has its
/// names as well: the hook says why at the start. A name that cannot be told (a UUID that the
/// kernel hides) is left out.
[[nodiscard]] std::string cdi_spec(const Inventory& inventory, const CdiOptions& options);

} // namespace grapnel
