// SPDX-License-Identifier: Apache-2.0
// Additions to a bundle's config.json, which otherwise stays as it is: fields that this program
// does not know, their order and their values are kept.
#pragma once

#include "base/device_number.hpp"
#include "base/path.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct SpecEdits {
    HostPath hook = {};                         ///< the program, for prestart and poststop
    std::vector<std::string> hook_options = {}; ///< its arguments before the stage
    std::vector<DeviceRule> device_rules = {};  ///< to linux.resources.devices, at its end
    std::vector<std::uint32_t> groups = {};     ///< to process.user.additionalGids

    bool operator==(const SpecEdits&) const = default;
};

/// The configuration with the edits. Idempotent: a group is added once, and a hook only without a
/// hook program of a name that Grapnel's or NVIDIA's hook is installed under (prestart and
/// createRuntime count as one). Device rules that an earlier edit added are taken out: a bundle can
/// be used again, with another request. A hook gets an empty environment. Refuses text that is not
/// a JSON object, that nests deeper than 1,000 levels or has an object with two members of one
/// name, and a member on the way that has another type than the specification's.
[[nodiscard]] Result<std::string> edit_spec(std::string_view json, const SpecEdits& edits);

/// Refuses `edited` unless it is `json` with such edits alone, whatever their number: entries of
/// that hook, device rules that allow a character device, and groups. For a text that another
/// process made.
[[nodiscard]] Status check_edit(std::string_view json, std::string_view edited,
                                const HostPath& hook);

/// Whether the text can have such rules, at the cost of one search.
[[nodiscard]] bool may_hold_added_rules(std::string_view json);

/// Whether an update's resources (the form of linux.resources) hold device rules at all.
[[nodiscard]] bool holds_device_rules(std::string_view resources);

/// These resources, with Grapnel's rules of that configuration after their own; nothing if there
/// are no such rules.
[[nodiscard]] Result<std::optional<std::string>> with_added_rules_of(std::string_view resources,
                                                                     std::string_view config);

/// The configuration without them, for a container that asks for nothing now.
[[nodiscard]] Result<std::string> without_added_rules(std::string_view json);

} // namespace grapnel
