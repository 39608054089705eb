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

/// A change of the host that `grapnel doctor --fix` makes: it can be repeated, is undone by a
/// reboot or changes a cache, and touches no configuration file.
struct Fix {
    std::vector<Node> nodes = {};        ///< to be made, by their attributes `creation`
    std::vector<Node> links = {};        ///< whose /dev/char/MAJOR:MINOR is to be made
    std::vector<std::string> words = {}; ///< of a program of the host: its path, then its arguments

    [[nodiscard]] bool empty() const { return nodes.empty() && links.empty() && words.empty(); }
};

struct Finding {
    Code code = {};
    std::string text = {};    ///< the failing object, then the cause
    std::string command = {}; ///< that mends it
    Fix fix = {};             ///< empty: only a person can decide
};

/// The findings on one part of the way from the kernel to the engine.
struct Area {
    std::string_view name = {};
    std::string summary = {}; ///< a fact for a person: a version, a number
    bool is_used = true;      ///< false: this host has no such thing, and no finding on it
    std::vector<Finding> findings = {};
};

[[nodiscard]] const Page& page_of(Code code);

/// By "GR0107", in any case; null for anything else.
[[nodiscard]] const Page* find_page(std::string_view code);

/// "GR0107"
[[nodiscard]] std::string name_of(const Page& page);

/// "error" or "warning"
[[nodiscard]] std::string_view name_of(Severity severity);

} // namespace grapnel::doctor_command
