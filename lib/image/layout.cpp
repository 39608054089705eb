// SPDX-License-Identifier: Apache-2.0
#include "image/layout.hpp"

#include "image/musl.hpp"

#include <algorithm>
#include <cerrno>

namespace grapnel::image {

namespace {

#if defined(__x86_64__)
constexpr auto multiarch = "/usr/lib/x86_64-linux-gnu";
constexpr auto multiarch_32bit = "/usr/lib/i386-linux-gnu";
constexpr auto glibc_loader = "/lib64/ld-linux-x86-64.so.2";
#else
constexpr auto multiarch = "/usr/lib/aarch64-linux-gnu";
constexpr auto multiarch_32bit = "/usr/lib/arm-linux-gnueabihf";
constexpr auto glibc_loader = "/lib/ld-linux-aarch64.so.1";
#endif
constexpr auto lib64 = "/usr/lib64";
constexpr auto lib = "/usr/lib";
constexpr std::size_t loader_limit = std::size_t{4} << 20;

bool is_directory(sys::RootDir& root, const char* path) {
    const auto facts = root.facts(inside_path(path));
    return facts && facts->type == sys::FileFacts::Type::directory;
}

/// A directory, be it by way of links, and not the same as `other`.
bool is_apart(sys::RootDir& root, const char* path, const char* other) {
    const auto there = root.directory_facts(inside_path(path));
    const auto here = root.directory_facts(inside_path(other));
    return there && (!here || here->id() != there->id());
}

/// Whether a loader of glibc names the directory among its own, which end with slashes and NUL
/// bytes (glibc: elf/dl-load.c, system_dirs).
bool is_built_in(std::string_view loader, const std::string& directory) {
    const auto wanted = std::string(1, '\0') + directory + '/' + '\0';
    return loader.find(wanted) != std::string_view::npos;
}

/// Where neither /usr/lib64 nor a directory of Debian's is there.
const char* directory_for_loader(sys::RootDir& root) {
    if (root.facts(musl_loader())) {
        const auto path =
            root.read(musl_path_file(), musl_path_limit).value_or(std::optional<std::string>());
        const auto directories = musl_directories(path);
        const auto reads = [&](const char* directory) {
            return std::ranges::find(directories, directory) != directories.end();
        };
        return !reads(lib64) && reads(lib) ? lib : lib64;
    }
    const auto loader = root.read_linked(inside_path(glibc_loader), loader_limit);
    if (!loader || !*loader)
        return lib64;
    return !is_built_in(**loader, lib64) && is_built_in(**loader, lib) ? lib : lib64;
}

const char* library_directory(sys::RootDir& root) {
    if (root.facts(inside_path("/etc/debian_version")) || is_directory(root, multiarch))
        return multiarch;
    if (is_apart(root, lib64, lib))
        return lib64;
    // Arch has it as a link
    return root.directory_facts(inside_path(lib64)) ? lib : directory_for_loader(root);
}

} // namespace

Result<ImageLayout> image_layout(sys::RootDir& root) {
    const std::string_view libraries = library_directory(root);
    const bool lib_is_free = libraries != lib && is_directory(root, lib);
    ImageLayout layout;
    layout.libraries = inside_path(std::string(libraries));
    layout.libraries_32bit =
        inside_path(libraries == multiarch                             ? multiarch_32bit
                    : lib_is_free && !is_directory(root, "/usr/lib32") ? lib
                                                                       : "/usr/lib32");
    layout.proc_driver_nvidia = root.directory(inside_path("/proc/driver/nvidia")).has_value();
    GRAPNEL_TRY(root.answers());
    return layout;
}

bool has_loader(sys::RootDir& root, const std::string& loader) {
    const auto path = InsidePath::make(loader);
    const auto found = path ? root.facts(*path) : Result<sys::FileFacts>(path.error());
    return found || (found.error().sys != ENOENT && found.error().sys != ENOTDIR);
}

} // namespace grapnel::image
