// SPDX-License-Identifier: Apache-2.0
// The libraries in the driver's directories, and libraries of other packages that belong to them.
#include "driver/driver_libraries.hpp"

#include "base/text.hpp"
#include "driver/library_directories.hpp"
#include "driver/library_table.hpp"
#include "driver/usual_directories.hpp"
#include "elf/elf.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace grapnel::driver {

namespace {

/// Libraries with versions of their own, and how many numbers these have at least: a name with
/// fewer is a link.
constexpr std::array<std::pair<std::string_view, std::size_t>, 7> own_versions{{
    {"libnvidia-api", 1},
    {"libnvidia-egl-gbm", 2},
    {"libnvidia-egl-wayland", 2},
    {"libnvidia-egl-wayland2", 2},
    {"libnvidia-egl-xcb", 2},
    {"libnvidia-egl-xlib", 2},
    {"libnvidia-nvvm70", 1},
}};

constexpr std::string_view egl_platform = "libnvidia-egl-";

bool leads_to(const sys::HostFs& host, const HostPath& path, const sys::FileId& file) {
    const auto facts = host.stat(path);
    return facts && facts->id() == file;
}

/// A directory with its names, sorted.
struct Place {
    HostPath directory = {};
    std::string subdirectory = {}; ///< as Library::subdirectory
    std::vector<std::string> names = {};
};

class Collector {
  public:
    Collector(const sys::HostFs& host, const std::string& version, DriverCapabilities wanted,
              Notices& notices)
        : host_(host), version_(version), wanted_(wanted), notices_(notices) {}

    void take(const Place& place) {
        std::map<std::string_view, std::pair<Version, std::string_view>> highest;
        for (const std::string_view name : place.names) {
            const bool of_driver = has_version(name, version_);
            const auto own = of_driver ? std::nullopt : own_version(name);
            if ((!of_driver && !own) || !library_wanted(name, wanted_))
                continue;
            if (of_driver) {
                add(place, name, name);
                continue;
            }
            auto& best = highest[own->stem];
            if (best.second.empty() || best.first < own->version)
                best = {own->version, name};
        }
        for (const auto& [stem, best] : highest)
            add(place, best.second, stem);
    }

    /// A library that needs another one of the driver's that is not given cannot be loaded.
    void warn_of_gaps() {
        std::set<std::pair<std::string, bool>> names;
        for (const auto& library : libraries)
            for (const auto& name : {std::string(library.path.name()), library.soname})
                names.emplace(name, library.is_32bit);
        for (const auto& [library, needed] : needed_)
            if (!names.contains({needed, libraries[library].is_32bit}))
                notices_.warn(libraries[library].path.text() + " cannot be loaded: it needs "
                              + needed + ", which is not among the driver's files here "
                              + "(install the driver's package that holds it)");
    }

    std::vector<Library> libraries = {};

  private:
    /// Of two libraries with the same key the first is taken.
    void add(const Place& place, std::string_view name, std::string_view key) {
        auto found =
            read_library(host_, place.directory / name, wanted_.has(DriverCapability::compat32));
        if (!found) {
            notices_.warn("passed over: " + found.error().text());
            return;
        }
        const auto whole_key = place.subdirectory + "/" + std::string(key);
        if (!*found || !taken_.emplace(whole_key, (*found)->library.is_32bit).second)
            return;
        auto& library = (*found)->library;
        library.subdirectory = place.subdirectory;
        const auto plain = std::string(name.substr(0, name.find(".so"))) + ".so";
        library.plain_link = std::ranges::binary_search(place.names, plain)
                             && leads_to(host_, place.directory / plain, (*found)->file);
        for (auto& needed : (*found)->needed)
            if (has_version(needed, version_) || is_driver_library(needed))
                needed_.emplace_back(libraries.size(), std::move(needed));
        libraries.push_back(std::move(library));
    }

    const sys::HostFs& host_;
    const std::string& version_;
    DriverCapabilities wanted_;
    Notices& notices_;
    std::set<std::pair<std::string, bool>> taken_ = {};
    std::vector<std::pair<std::size_t, std::string>> needed_ = {}; ///< by the index of a library
};

} // namespace

std::optional<OwnVersion> own_version(std::string_view name) {
    constexpr std::string_view infix = ".so.";
    const auto at = name.find(infix);
    if (at == std::string_view::npos)
        return std::nullopt;
    const auto stem = name.substr(0, at);
    const auto* const known =
        std::ranges::find(own_versions, stem, &std::pair<std::string_view, std::size_t>::first);
    auto version = Version::parse(name.substr(at + infix.size()));
    if (known == own_versions.end() || !version || version->parts.size() < known->second)
        return std::nullopt;
    return OwnVersion{.stem = stem, .version = std::move(*version)};
}

Result<std::optional<ReadLibrary>> read_library(const sys::HostFs& host, const HostPath& path,
                                                bool with_32bit) {
    const auto file = GRAPNEL_TRY(host.map(path));
    auto elf = GRAPNEL_TRY(
        read_elf(file.bytes()).note(path.text()).cure("reinstall the driver's libraries"));
    if (elf.machine == ElfFacts::Machine::other
        || (elf.machine == ElfFacts::Machine::native32 && !with_32bit))
        return std::optional<ReadLibrary>();
    // it becomes the name of a link in the container
    if (!elf.soname.empty() && !is_plain_name(elf.soname))
        return refused(path.text() + ": SONAME " + quote(elf.soname) + " is not a file name");
    return std::optional(
        ReadLibrary{.library = {.path = path,
                                .soname = std::move(elf.soname),
                                .is_32bit = elf.machine == ElfFacts::Machine::native32},
                    .needed = std::move(elf.needed),
                    .file = file.id()});
}

Result<std::vector<Library>> libraries(const sys::HostFs& host,
                                       const std::vector<LibraryDirectory>& directories,
                                       const std::string& version, DriverCapabilities wanted,
                                       Notices& notices) {
    Collector collector(host, version, wanted, notices);
    for (const auto& directory : directories) {
        collector.take({.directory = directory.path, .names = directory.names});
        // libvdpau looks for its drivers below
        if (!wanted.has(DriverCapability::video)
            || !std::ranges::binary_search(directory.names, "vdpau"))
            continue;
        if (auto vdpau = host.list(directory.path / "vdpau"))
            collector.take({.directory = directory.path / "vdpau",
                            .subdirectory = "vdpau",
                            .names = std::move(*vdpau)});
    }
    collector.warn_of_gaps();
    add_egl_platforms(host, wanted, collector.libraries, notices);
    std::ranges::sort(collector.libraries, {}, &Library::path);
    return std::move(collector.libraries);
}

void add_egl_platforms(const sys::HostFs& host, DriverCapabilities wanted,
                       std::vector<Library>& have, Notices& notices) {
    if (!wanted.wants_graphics())
        return;
    const bool with_32bit = wanted.has(DriverCapability::compat32);
    const auto has = [&](std::string_view stem, bool is_32bit) {
        return std::ranges::any_of(have, [&](const auto& library) {
            const auto own = own_version(library.path.name());
            return own && own->stem == stem && library.is_32bit == is_32bit;
        });
    };
    for (const auto& directory : usual_library_directories(with_32bit))
        for (const auto& known : own_versions) {
            const auto stem = known.first;
            // the name that EGL's files in egl_external_platform.d give, a link to the library
            const auto path = host.resolve(directory / (std::string(stem) + ".so.1"));
            if (!stem.starts_with(egl_platform) || !path)
                continue;
            const auto own = own_version(path->name());
            if (!own || own->stem != stem)
                continue;
            auto found = read_library(host, *path, with_32bit);
            if (!found)
                notices.warn("passed over: " + found.error().text());
            else if (*found && !has(stem, (*found)->library.is_32bit))
                have.push_back(std::move((*found)->library));
        }
}

} // namespace grapnel::driver
