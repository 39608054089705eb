// SPDX-License-Identifier: Apache-2.0
#include "apply/given_libraries.hpp"

#include "base/text.hpp"
#include "elf/elf.hpp"
#include "elf/ld_cache.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"

#include <map>

namespace grapnel::apply {

namespace {

using sys::FileFacts;

constexpr std::size_t most_libraries = 4096;

bool is_library_name(std::string_view name) {
    return is_plain_name(name) && name.starts_with("lib")
           && name.find(".so") != std::string_view::npos;
}

/// Nothing for a file that is no library of this machine.
Result<std::optional<Mount>> read_library(sys::RootDir& root, const InsidePath& path) {
    using Found = std::optional<Mount>;
    const auto file = GRAPNEL_TRY(root.open_file(path));
    if (!file)
        return Found();
    const auto parts = [&](std::uint64_t offset, std::size_t size) {
        return sys::read_part(file->ref(), offset, size, quote(path.text()));
    };
    const auto library = elf_library_by_parts(parts);
    if (!library && sys::is_without_answer(library.error()))
        return library.error();
    if (!library || library->machine == ElfFacts::Machine::other)
        return Found();
    const bool is_32bit = library->machine == ElfFacts::Machine::native32;
    const bool has_name = is_plain_name(library->soname);
    return Found(Mount{.kind = is_32bit ? Mount::Kind::library32 : Mount::Kind::library,
                       .inside = path,
                       .soname = has_name ? library->soname : std::string(path.name())});
}

} // namespace

Result<std::vector<Mount>> given_libraries(sys::RootDir& root, const InsidePath& directory,
                                           Which which) {
    std::vector<Mount> found;
    const auto place = root.directory_facts(directory);
    const auto image = GRAPNEL_TRY(sys::facts(root.ref(), ""));
    const auto names = root.list(directory);
    GRAPNEL_TRY(root.answers());
    if (!place || !names)
        return found;
    const bool all = which == Which::all || place->mount != image.mount;
    for (const auto& name : *names) {
        if (found.size() == most_libraries)
            break;
        if (!is_library_name(name))
            continue;
        const auto facts = root.facts(directory / name);
        GRAPNEL_TRY(root.answers());
        if (!facts || facts->type != FileFacts::Type::regular
            || !(all || facts->mount != place->mount))
            continue;
        if (auto library = GRAPNEL_TRY(read_library(root, directory / name)))
            found.push_back(std::move(*library));
    }
    return found;
}

std::vector<Link> soname_links(sys::RootDir& root, const std::vector<Mount>& libraries) {
    std::map<InsidePath, std::string> newest;
    for (const auto& library : libraries) {
        const auto name = std::string(library.inside.name());
        auto& target = newest[library.inside.parent() / library.soname];
        if (target.empty() || compare_ld_names(name, target) > 0)
            target = name;
    }
    std::vector<Link> links;
    for (const auto& [path, target] : newest) {
        const auto there = root.facts(path);
        if (path.name() != target && (!there || there->type == FileFacts::Type::link))
            links.push_back({.inside = path, .target = target, .optional = true});
    }
    return links;
}

} // namespace grapnel::apply
