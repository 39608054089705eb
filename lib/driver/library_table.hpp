// SPDX-License-Identifier: Apache-2.0
// The driver's libraries by name, and the driver capabilities that each belongs to.
#pragma once

#include "driver/inventory.hpp"

#include <string_view>

namespace grapnel::driver {

/// True if a library of that name (libcuda.so.1) belongs to the driver alone.
[[nodiscard]] bool is_driver_library(std::string_view name);

/// True if a library of that name (libcuda.so.580.65.06) belongs to one of the capabilities.
/// A name that is not known belongs to every capability but utility: new driver branches bring
/// libraries that others need.
[[nodiscard]] bool library_wanted(std::string_view name, DriverCapabilities wanted);

} // namespace grapnel::driver
