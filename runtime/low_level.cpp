// SPDX-License-Identifier: Apache-2.0
#include "low_level.hpp"

#include "base/text.hpp"
#include "sys/program.hpp"

#include <cstdlib>
#include <optional>

namespace grapnel {

namespace {

constexpr std::string_view usual_directories =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool is_runtime(const HostPath& path, const HostPath& own) {
    return sys::is_program(path) && !sys::is_same_file(path, own);
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
        "settings");
}

} // namespace grapnel
