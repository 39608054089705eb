// SPDX-License-Identifier: Apache-2.0
// A CDI file in NVIDIA's form names every library and can name device numbers: after an update of
// the driver or a reboot it describes the past.
#pragma once

#include "apply/cdi_hook_plan.hpp"
#include "base/result.hpp"
#include "sys/root_dir.hpp"

namespace grapnel::cdi_hook {

/// Refuses a container in which a hook finds its file stale:
///
/// | hook                                             | finds                                 |
/// | create-symlinks                                  | a link to another driver's library    |
/// | enable-cuda-compat                               | another driver's version              |
/// | update-ldcache                                   | mounted libraries of another driver,  |
/// |                                                  | device nodes with other numbers       |
/// | disable-device-node-modification                 | device nodes with other numbers       |
///
/// Without /proc/driver/nvidia/version (WSL, Jetson) nothing is compared.
[[nodiscard]] Status check_cdi_file(const apply::CdiHookRequest& request, sys::RootDir& root);

} // namespace grapnel::cdi_hook
