// SPDX-License-Identifier: Apache-2.0
// A CDI file of version 0.5.0, the first in which a device's name may begin with a digit.
//
// The file is live: each device brings a hook of ours and nothing else. The hook reads the driver's
// version, libraries and nodes at each start of a container.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "plan/cdi_devices.hpp"

#include <string>
#include <vector>

namespace grapnel {

/// The options of `grapnel cdi generate` by which `grapnel cdi refresh` writes a file again stand
/// in the environment of its first hook: every engine and version of CDI carries it there.
inline constexpr std::string_view cdi_options_variable = "GRAPNEL_CDI_OPTIONS=";

struct CdiOptions {
    HostPath hook; ///< grapnel-hook
    CdiClass devices = CdiClass::gpu;
    std::string kind = "nvidia.com/gpu"; ///< of the file: an engine's user writes it
    std::string written_by = {};         ///< the value of cdi_options_variable, or empty
};

/// As JSON. A GPU that cannot be given has its names as well: the hook says why at the start.
/// Refuses a path or a name that is not UTF-8, which no CDI file can have.
[[nodiscard]] Result<std::string> cdi_spec(const std::vector<CdiDevice>& devices,
                                           const CdiOptions& options);

/// The parts of a file that need a CDI version above the lowest.
struct CdiNeeds {
    bool digit_first = false; ///< a device's name begins with a digit
    bool host_path = false;   ///< a device node has another path on the host
    bool dot_in_class = false;
    bool groups = false; ///< additionalGids
};
[[nodiscard]] std::string_view lowest_cdi_version(const CdiNeeds& needs);

} // namespace grapnel
