// SPDX-License-Identifier: Apache-2.0
// The search for the directories that hold the driver's libraries. A directory counts if it holds
// a lib*.so.VERSION of the loaded driver: distributions split the driver over several.
#include "driver/library_directories.hpp"

#include "base/text.hpp"
#include "base/version.hpp"
#include "driver/driver_libraries.hpp"
#include "driver/library_table.hpp"
#include "driver/usual_directories.hpp"
#include "elf/ld_cache.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>

namespace grapnel::driver {

namespace {

bool holds(const LibraryDirectory& directory, const std::string& name) {
    return std::ranges::binary_search(directory.names, name);
}

std::string_view stem_of(std::string_view name) {
    return name.substr(0, name.find(".so"));
}

constexpr std::string_view plain_end = ".so";

/// A name without a dot can be a directory below which a branch of the driver lies.
bool matters(std::string_view name, std::string_view version) {
    if (!name.starts_with("lib"))
        return name.starts_with("nvidia") || name.find('.') == std::string_view::npos;
    return name.ends_with(plain_end) || has_version(name, version) || is_driver_library(name);
}

/// Whether "libX.so" can be the link to a library of the driver.
bool is_of_another(const std::string& name, const std::vector<std::string>& names,
                   const std::string& version) {
    return name.ends_with(plain_end) && !is_driver_library(name)
           && !std::ranges::binary_search(names, name + "." + version);
}

/// Lists each directory once, by its path without links.
class Search {
  public:
    Search(const sys::HostFs& host, const InventoryScope& scope, const std::string& version)
        : host_(host), scope_(scope), version_(version) {}

    /// Nothing if there is no such directory; valid as long as the search.
    const LibraryDirectory* look(const HostPath& directory) {
        const auto [known, is_new] = asked_.try_emplace(directory, nullptr);
        if (!is_new)
            return known->second;
        const auto real = host_.resolve(directory);
        if (!real)
            return nullptr;
        if (*real != directory)
            return known->second = look(*real);
        auto names = names_in(*real);
        if (!names)
            return nullptr;
        listed_.push_back({.path = *real, .names = std::move(*names)});
        return known->second = &listed_.back();
    }

    /// With the directories in it that belong to NVIDIA: nvidia, nvidia/current, nvidia-580.
    void look_below(const HostPath& directory) {
        const auto* const found = look(directory);
        if (found == nullptr || !searched_below_.insert(found).second)
            return;
        constexpr std::string_view maker = "nvidia";
        auto name = std::ranges::lower_bound(found->names, maker);
        for (; name != found->names.end() && name->starts_with(maker); ++name) {
            if (*name != maker && !name->starts_with("nvidia-"))
                continue;
            const auto* const below = look(found->path / *name);
            if (below == nullptr || *name != maker)
                continue;
            for (const auto& branch : below->names)
                if (branch.find('.') == std::string::npos)
                    look(below->path / branch);
        }
    }

    /// An entry of the host's ld.so.cache; false if its file is not there. Where the directory
    /// holds no library of this version under that name, the entry can be a link to another one.
    bool look_at_entry(const HostPath& path, std::string_view soname) {
        const auto* const directory = look(path.parent());
        if (directory == nullptr || !holds(*directory, std::string(path.name())))
            return false;
        const auto file = std::string(stem_of(soname)) + ".so." + version_;
        auto& targets = targets_[directory];
        targets.insert(directory);
        if (std::ranges::any_of(targets, [&](const auto* one) { return holds(*one, file); }))
            return true;
        const auto real = host_.resolve(path);
        if (!real)
            return false;
        if (const auto* const target = look(real->parent()))
            targets.insert(target);
        return true;
    }

    [[nodiscard]] const std::deque<LibraryDirectory>& listed() const { return listed_; }

    /// The next content of the directory cache.
    [[nodiscard]] std::vector<KnownDirectory> kept() && { return std::move(kept_); }

  private:
    /// From the directory cache, else from the directory. Its attributes are read first: a change
    /// meanwhile makes them stale.
    Result<std::vector<std::string>> names_in(const HostPath& directory) {
        const auto facts = GRAPNEL_TRY(host_.stat(directory));
        const auto known = std::ranges::find_if(scope_.known_directories, [&](const auto& one) {
            return one.id == facts.id() && one.changed_ns == facts.changed_ns
                   && one.version == version_;
        });
        if (known != scope_.known_directories.end()) {
            kept_.push_back(*known);
            return known->names;
        }
        auto names = GRAPNEL_TRY(host_.list_matching(
            directory, [&](std::string_view name) { return matters(name, version_); }));
        const auto all = names;
        std::erase_if(names, [&](const auto& name) { return is_of_another(name, all, version_); });
        if (facts.changed_ns < scope_.unchanged_since_ns)
            kept_.push_back({.version = version_,
                             .id = facts.id(),
                             .changed_ns = facts.changed_ns,
                             .names = names});
        return names;
    }

    const sys::HostFs& host_;
    const InventoryScope& scope_;
    const std::string& version_;
    std::vector<KnownDirectory> kept_ = {};
    std::map<HostPath, const LibraryDirectory*> asked_ = {};
    std::deque<LibraryDirectory> listed_ = {};
    std::set<const LibraryDirectory*> searched_below_ = {};
    /// Where the links in a directory lead.
    std::map<const LibraryDirectory*, std::set<const LibraryDirectory*>> targets_ = {};
};

/// Returns the warning about the first stale entry; empty if all files exist.
std::string look_at_cache(const sys::HostFs& host, const HostPath& cache, bool with_32bit,
                          Search& search, Notices& notices) {
    const auto file = host.map(cache);
    if (!file) {
        notices.warn(file.error().text());
        return {};
    }
    const auto cached = parse_ld_cache(file->bytes());
    if (!cached) {
        notices.warn(cache.text() + " is passed over: " + cached.error().text());
        return {};
    }
    std::string stale;
    for (const auto& entry : cached->entries) {
        if (entry.machine() == LdCacheEntry::Machine::other
            || (entry.machine() == LdCacheEntry::Machine::native32 && !with_32bit)
            || !is_driver_library(entry.soname))
            continue;
        const auto path = HostPath::make(entry.path);
        if (path && !search.look_at_entry(*path, entry.soname) && stale.empty())
            stale = cache.text() + " is stale: it names " + path->text()
                    + ", which is not there (run ldconfig)";
    }
    if (!stale.empty())
        notices.warn(stale);
    return stale;
}

bool holds_driver(const LibraryDirectory& directory, const std::string& version) {
    return std::ranges::any_of(directory.names,
                               [&](const auto& name) { return has_version(name, version); });
}

/// The driver's versions in these directories, for a host without the right one.
std::set<std::string> versions_present(const std::deque<LibraryDirectory>& directories) {
    // a driver for computing, for drawing, or for the management alone has one of these
    constexpr std::array<std::string_view, 5> telling{"libcuda", "libnvidia-ml", "libnvidia-glcore",
                                                      "libnvidia-eglcore", "libnvidia-tls"};
    std::set<std::string> versions;
    for (const auto& directory : directories)
        for (const std::string_view name : directory.names) {
            const auto stem = stem_of(name);
            if (std::ranges::find(telling, stem) == telling.end() || name.size() < stem.size() + 4)
                continue;
            const auto suffix = name.substr(stem.size() + 4);
            const auto version = Version::parse(suffix);
            if (version && version->parts.size() > 1)
                versions.emplace(suffix);
        }
    return versions;
}

Error no_libraries(const Search& search, const std::string& version, const std::string& stale) {
    const auto present = versions_present(search.listed());
    if (!present.empty())
        return refused("driver " + version + " is loaded but the libraries are "
                           + enumerate({present.begin(), present.end()}),
                       "reboot, or reload the nvidia module");
    return refused("driver " + version + " is loaded but its libraries (libcuda.so." + version
                       + ") were not found" + (stale.empty() ? "" : "; " + stale),
                   "install them, or name their directory in library-search-path");
}

} // namespace

bool has_version(std::string_view name, std::string_view version) {
    return name.starts_with("lib") && name.ends_with(version)
           && name.substr(0, name.size() - version.size()).ends_with(".so.");
}

Result<LibraryDirectories> library_directories(const sys::HostFs& host, const InventoryScope& scope,
                                               const std::string& version, Notices& notices) {
    const bool with_32bit = scope.driver_capabilities.has(DriverCapability::compat32);
    Search search(host, scope, version);
    for (const auto& directory : scope.library_search_path)
        search.look_below(directory);
    const auto stale = look_at_cache(host, scope.ldcache_file, with_32bit, search, notices);
    for (const auto& directory : usual_library_directories(with_32bit))
        search.look_below(directory);
    LibraryDirectories found;
    std::ranges::copy_if(search.listed(), std::back_inserter(found.directories),
                         [&](const auto& directory) { return holds_driver(directory, version); });
    if (found.directories.empty())
        return no_libraries(search, version, stale);
    found.known = std::move(search).kept();
    return found;
}

HostPath management_library(const sys::HostFs& host,
                            const std::vector<LibraryDirectory>& directories,
                            const std::string& version) {
    const auto name = "libnvidia-ml.so." + version;
    for (const auto& directory : directories) {
        if (!holds(directory, name))
            continue;
        auto found = read_library(host, directory.path / name, false);
        if (found && *found)
            return std::move((*found)->library.path);
    }
    return {};
}

} // namespace grapnel::driver
