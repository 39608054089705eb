// SPDX-License-Identifier: Apache-2.0
#include "low_level.hpp"

#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/program.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

namespace grapnel {

namespace {

constexpr std::string_view usual_directories =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A second installation of this program, or NVIDIA's of that name, would look for a low-level
/// runtime in its turn, and could find this one.
bool is_front_end(const HostPath& path) {
    constexpr std::array<std::string_view, 3> names{"grapnel-runtime", "nvidia-container-runtime",
                                                    "nvidia-container-runtime.real"};
    const auto real = sys::real_path(path.text(), sys::PathOf::anything);
    return real && std::ranges::find(names, real->name()) != names.end();
}

bool is_runtime(const HostPath& path, const HostPath& own) {
    return sys::is_program(path) && !sys::is_same_file(path, own) && !is_front_end(path);
}

std::optional<HostPath> in_directories(const std::string& name, std::string_view list,
                                       const HostPath& own) {
    for (const auto entry : split(list, ':')) {
        const auto path = HostPath::make(std::string(entry) + "/" + name);
        if (!entry.empty() && path && is_runtime(*path, own))
            return *path;
    }
    return std::nullopt;
}

} // namespace

Result<HostPath> find_low_level_runtime(const std::vector<std::string>& candidates) {
    const auto own = GRAPNEL_TRY(sys::own_program());
    const char* const search = secure_getenv("PATH");
    for (const auto& candidate : candidates) {
        if (candidate.find('/') != std::string::npos) {
            const auto path = HostPath::make(candidate);
            if (path && is_runtime(*path, own))
                return *path;
            continue;
        }
        auto found = in_directories(candidate, search == nullptr ? "" : search, own);
        if (!found)
            found = in_directories(candidate, usual_directories, own);
        if (found)
            return *found;
    }
    return refused(
        "no low-level runtime was found: "
            + (candidates.empty() ? std::string("the settings name none") : enumerate(candidates)),
        "install runc or crun, or name one in nvidia-container-runtime.runtimes of the "
        "settings (this program and others that stand before a runtime are none)");
}

} // namespace grapnel
