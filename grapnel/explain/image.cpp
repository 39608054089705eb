// SPDX-License-Identifier: Apache-2.0
#include "explain/image.hpp"

#include "base/text.hpp"
#include "base/version.hpp"

#include <algorithm>
#include <set>

namespace grapnel::explanation {

namespace {

/// A mount point that a tool left is an empty file.
bool has_content(sys::RootDir& root, const InsidePath& path) {
    const auto facts = root.facts(path);
    return facts && facts->type == sys::FileFacts::Type::regular && facts->size > 0;
}

/// "libcuda.so." of libcuda.so.580.65.06
std::string_view stem_of(std::string_view name) {
    const auto at = name.find(".so.");
    return at == std::string_view::npos ? std::string_view() : name.substr(0, at + 4);
}

/// A driver's version has two parts or more; a SONAME has one.
bool is_of_a_driver(std::string_view name, const std::set<std::string>& stems) {
    const auto stem = std::string(stem_of(name));
    const auto version = Version::parse(name.substr(stem.size()));
    return stems.contains(stem) && version && version->parts.size() > 1;
}

} // namespace

std::vector<InsidePath> driver_libraries_in(sys::RootDir& root, const Plan& plan) {
    std::set<InsidePath> directories;
    std::set<std::string> stems;
    for (const auto& mount : plan.mounts)
        if (mount.kind == Mount::Kind::library) {
            directories.insert(mount.inside.parent());
            stems.emplace(stem_of(mount.inside.name()));
        }
    stems.erase("");
    std::vector<InsidePath> out;
    for (const auto& directory : directories) {
        const auto names = root.list(directory);
        for (const auto& name : names ? *names : std::vector<std::string>())
            if (is_of_a_driver(name, stems) && has_content(root, directory / name))
                out.push_back(directory / name);
    }
    return out;
}

} // namespace grapnel::explanation
