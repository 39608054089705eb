// SPDX-License-Identifier: Apache-2.0
// The sink for lines of the log about work that goes on: modules fill it, a program writes it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace grapnel {

/// A notice is a fact that is as it should be; a warning is one that somebody may have to mend.
enum class Severity { notice, warning };

struct Notice {
    Severity severity = Severity::warning;
    std::string text = {};

    bool operator==(const Notice&) const = default;
};

struct Notices {
    std::vector<Notice> list = {}; ///< in the order in which they came

    void notify(std::string text) { list.push_back({Severity::notice, std::move(text)}); }
    void warn(std::string text) { list.push_back({Severity::warning, std::move(text)}); }
    void add(const Notices& more) { list.insert(list.end(), more.list.begin(), more.list.end()); }

    bool operator==(const Notices&) const = default;
};

/// Without their severities, for reports that show warnings alone.
[[nodiscard]] inline std::vector<std::string> texts(const Notices& notices) {
    std::vector<std::string> out;
    for (const auto& notice : notices.list)
        out.push_back(notice.text);
    return out;
}

} // namespace grapnel
