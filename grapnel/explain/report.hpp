// SPDX-License-Identifier: Apache-2.0
// The answer of grapnel explain: the hook's decisions for a container, and their reasons.
#pragma once

#include "base/notices.hpp"
#include "plan/plan.hpp"
#include "terminal.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel::explanation {

/// "ABOUT: RESULT, because REASON".
struct Decision {
    std::string about = {}; ///< settings, hook, devices, ...
    std::string result = {};
    std::string reason = {};

    bool operator==(const Decision&) const = default;
};

struct Report {
    std::string container = {};
    std::string engine = {};
    std::string bundle = {};
    /// | given      | the container gets or got the driver |
    /// | nothing    | it asks for no driver                |
    /// | denied     | its start is refused                 |
    /// | not_called | no engine calls a hook of Grapnel    |
    enum class Outcome { given, nothing, denied, not_called };
    Outcome outcome = Outcome::nothing;
    std::string summary = {}; ///< a sentence; a refusal has its cure
    std::vector<Decision> decisions = {};
    std::optional<Plan> plan = {};
    std::vector<std::string> left_out = {};
    Notices warnings = {};
    std::vector<std::string> log = {}; ///< lines of its last start
};

[[nodiscard]] std::string json_text(const Report& report);
[[nodiscard]] std::string tree_text(const Report& report, const Terminal& terminal);

} // namespace grapnel::explanation
