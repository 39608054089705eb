// SPDX-License-Identifier: Apache-2.0
// The output of `list` and `info`. Pure.
#pragma once

#include "driver/inventory.hpp"
#include "options.hpp"
#include "request/request.hpp"

#include <string>

namespace grapnel::cli {

/// One path a line, as the driver's root has it: control devices, GPUs, MIG devices, IMEX
/// channels, the rights to manage MIG, programs, libraries, 32-bit libraries, sockets, firmware.
[[nodiscard]] Result<std::string> list_text(const Options& options, const Request& request,
                                            const Inventory& inventory);

/// Driver and GPUs; "Unknown" for an unknown fact.
[[nodiscard]] std::string info_text(const Inventory& inventory);
[[nodiscard]] std::string info_csv(const Inventory& inventory);

} // namespace grapnel::cli
