// SPDX-License-Identifier: Apache-2.0
// The constraint language of NVIDIA_REQUIRE_*:
//
//   requirement = alternative *( " " alternative )          one of them must hold
//   alternative = condition *( "," condition )              all of them must hold
//   condition   = property operator value                   without blanks
//   property    = "cuda" / "driver" / "arch" / "brand"      in any case
//   operator    = "=" / "!=" / "!" / "<" / "<=" / ">" / ">="
//
// Values of cuda, driver and arch are versions (digits and dots, missing parts are zero); brand
// knows only = and !=, and is compared without regard to case.
#pragma once

#include "base/result.hpp"
#include "base/version.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct Condition {
    enum class Property { cuda, driver, arch, brand };
    enum class Operator { equal, unequal, less, at_most, greater, at_least };
    Property property = Property::cuda;
    Operator relation = Operator::equal;
    std::string value = {}; ///< as written
    Version version = {};   ///< of value, except for brand
    bool operator==(const Condition&) const = default;
};

struct Requirement {
    std::string text = {};
    std::vector<std::vector<Condition>> alternatives = {}; ///< empty: always met
    bool operator==(const Requirement&) const = default;
};

/// The facts that requirements are checked against. An unknown fact leaves its conditions
/// undecided.
struct DriverFacts {
    std::optional<Version> cuda = {};
    std::optional<Version> driver = {};
    std::optional<Version> arch = {};
    std::optional<std::string> brand = {};
    /// No GPU is visible: conditions on arch and brand hold.
    bool without_gpu = false;
};

enum class Verdict { met, unmet, undecided };

/// Refuses anything that the grammar above does not allow.
[[nodiscard]] Result<Requirement> parse_requirement(std::string_view text);

[[nodiscard]] Verdict evaluate(const Requirement& requirement, const DriverFacts& facts);

} // namespace grapnel
