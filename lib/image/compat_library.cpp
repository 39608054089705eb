// SPDX-License-Identifier: Apache-2.0
#include "image/compat_library.hpp"

#include "base/text.hpp"
#include "elf/elf.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"

#include <fnmatch.h>

namespace grapnel::image {

namespace {

constexpr auto pattern = "libcuda.so.*.*";

bool is_candidate(sys::RootDir& root, const InsidePath& directory, const std::string& name) {
    if (!is_plain_name(name) || fnmatch(pattern, name.c_str(), 0) != 0)
        return false;
    const auto facts = root.facts(directory / name);
    return facts && facts->type == sys::FileFacts::Type::regular;
}

Result<CompatLibrary> read_library(sys::RootDir& root, const InsidePath& directory,
                                   const std::string& name) {
    const auto path = directory / name;
    const auto file = GRAPNEL_TRY(root.open_file(path));
    if (!file)
        return refused("it went away while it was looked at");
    const auto parts = [&](std::uint64_t offset, std::size_t size) {
        return sys::read_part(file->ref(), offset, size, quote(path.text()));
    };
    CompatLibrary library{.directory = directory, .name = name};
    library.note =
        GRAPNEL_TRY(elf_note_by_parts(parts, ".note.cuda.fwd_compatibility", "NVIDIA Corporation"));
    return library;
}

} // namespace

Result<FoundCompat> find_compat_library(sys::RootDir& root, const InsidePath& directory) {
    FoundCompat found;
    const auto names = root.list(directory);
    GRAPNEL_TRY(root.answers());
    if (!names)
        return found; // most images have no such library
    std::vector<std::string> candidates;
    for (const auto& name : *names)
        if (is_candidate(root, directory, name))
            candidates.push_back(name);
    GRAPNEL_TRY(root.answers());
    const auto unused = "the image's libcuda in " + directory.text() + " is not used: ";
    if (candidates.size() > 1)
        found.notices.warn(unused + "there are several");
    if (candidates.size() != 1)
        return found;
    auto library = read_library(root, directory, candidates.front());
    if (library)
        found.library = std::move(*library);
    else if (sys::is_without_answer(library.error()))
        return library.error();
    else
        found.notices.warn(unused + quote(candidates.front()) + ": " + library.error().text());
    return found;
}

} // namespace grapnel::image
