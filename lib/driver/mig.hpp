// SPDX-License-Identifier: Apache-2.0
// MIG devices of the GPUs, and the rights to manage them.
#pragma once

#include "base/notices.hpp"
#include "driver/inventory.hpp"
#include "driver/nodes.hpp"
#include "sys/host_fs.hpp"

#include <vector>

namespace grapnel::driver {

/// A GPU instance or compute instance with unreadable files makes its MIG devices faulty.
void add_mig_devices(const sys::HostFs& host, const Majors& majors, std::vector<Gpu>& gpus,
                     Notices& notices);

[[nodiscard]] MigManagement mig_management(const sys::HostFs& host, const Majors& majors);

} // namespace grapnel::driver
