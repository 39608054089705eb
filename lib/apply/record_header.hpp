// SPDX-License-Identifier: Apache-2.0
// The first line of a cleanup record, as header_line() writes it, read without a JSON parser:
// `grapnel ps` reads one for each container.
#pragma once

#include "apply/cleanup_record.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace grapnel::apply {

struct RecordHeader {
    std::string rootfs = {}; ///< a path as HostPath has it
    StartFacts start = {};
};

/// Nothing for a line in any other form, which parse_cleanup_record() may understand: with blanks
/// between its parts, with escaped bytes, or of another version.
[[nodiscard]] std::optional<RecordHeader> read_record_header(std::string_view line);

} // namespace grapnel::apply
