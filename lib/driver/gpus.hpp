// SPDX-License-Identifier: Apache-2.0
// The GPUs that the nvidia module has.
#pragma once

#include "base/notices.hpp"
#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "driver/nodes.hpp"
#include "sys/host_fs.hpp"

#include <vector>

namespace grapnel::driver {

struct Gpus {
    std::vector<Gpu> gpus = {};
    std::vector<KnownGpu> known = {};
};

[[nodiscard]] Result<Gpus> gpus(const sys::HostFs& host, const Majors& majors,
                                const std::vector<KnownGpu>& known, Notices& notices);

} // namespace grapnel::driver
