// SPDX-License-Identifier: Apache-2.0
// A plan with a line for each of its steps: the form of the golden files.
#pragma once

#include <string>
#include <string_view>

namespace grapnel::test {

/// Converts the JSON of --dry-run. A field that is added, removed or changed changes the lines.
/// README.md describes them.
[[nodiscard]] std::string plan_lines(std::string_view json);

} // namespace grapnel::test
