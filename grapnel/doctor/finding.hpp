// SPDX-License-Identifier: Apache-2.0
// The findings of `grapnel doctor`. Their codes never change: scripts and reports name them.
#pragma once

#include "base/device_number.hpp"
#include "doctor/page.hpp"
#include "driver/inventory.hpp"
#include "finding_pages.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::doctor_command {

/// A change of the host that `grapnel doctor --fix` makes. It is idempotent, changes no
/// configuration file, and a reboot undoes it, unless it updates a cache.
struct Fix {
    std::vector<Node> nodes = {};        ///< nodes to make, with the attributes of `creation`
    std::vector<Node> links = {};        ///< nodes that get a link /dev/char/MAJOR:MINOR
    std::vector<std::string> words = {}; ///< a program of the host to run: path and arguments

    [[nodiscard]] bool empty() const { return nodes.empty() && links.empty() && words.empty(); }
};

struct Finding {
    Code code = {};
    std::string text = {};    ///< the failing object, then the cause
    std::string command = {}; ///< the command that mends it
    Fix fix = {};             ///< empty: only a person can decide
    bool needs_root = true;   ///< the command
};

/// The findings on one part of the way from the kernel to the engine.
struct Area {
    std::string_view name = {};
    std::string summary = {}; ///< a fact for a person: a version, a number
    bool is_used = true;      ///< false: this host has no such thing, and no finding on it
    std::vector<Finding> findings = {};
};

[[nodiscard]] const Page& page_of(Code code);

/// The page of a code such as "GR0107", in upper or lower case; null for an unknown code.
[[nodiscard]] const Page* find_page(std::string_view code);

/// "GR0107"
[[nodiscard]] std::string name_of(const Page& page);

/// "error" or "warning"
[[nodiscard]] std::string_view name_of(Severity severity);

} // namespace grapnel::doctor_command
