// SPDX-License-Identifier: Apache-2.0
// From the names that a container uses to GPUs.
#pragma once

#include "driver/inventory.hpp"
#include "request/request.hpp"

#include <string>
#include <vector>

namespace grapnel {

/// The chosen GPUs by index, each with its chosen MIG devices. A name is an index, a UUID (in any
/// case, also without its GPU-), a prefix of one (four hexadecimal digits at least) that no other
/// GPU's begins with, a PCI address (domain:bus:device.function, with any padding), or a name of a
/// MIG device (see mig_names.hpp), which brings its GPU along. A GPU's own name brings no MIG
/// device; `all` brings all, except faulty devices. The name of a faulty device is an error, and so
/// is an unknown name.
///
/// `probe_fault` is the reason why the driver's library did not name the MIG devices, for the
/// error.
[[nodiscard]] Result<std::vector<Gpu>> select_gpus(const Request& request,
                                                   const std::vector<Gpu>& gpus,
                                                   const std::string& probe_fault = {});

/// Whether a UUID of a GPU is asked for by name.
[[nodiscard]] bool names_gpu_uuid(const Request& request);

/// Whether grapnel-probe has to be asked: the kernel does not show such a UUID, and shows question
/// marks for a GPU (GPU-????????-...), as before the GPU is first used.
[[nodiscard]] bool needs_gpu_uuids(const Request& request, const Inventory& inventory);

} // namespace grapnel
