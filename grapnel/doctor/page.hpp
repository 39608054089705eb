// SPDX-License-Identifier: Apache-2.0
// The page of a finding. The build makes all pages from doc/troubleshooting.md.
#pragma once

#include <cstdint>
#include <string_view>

namespace grapnel::doctor_command {

/// An error keeps containers from a GPU; a warning keeps some containers from it, or costs time.
enum class Severity { warning, error };

struct Page {
    std::uint16_t number = 0; ///< of its code: 107 of GR0107
    Severity severity = Severity::error;
    std::string_view title = {};
    std::string_view text = {};
};

} // namespace grapnel::doctor_command
