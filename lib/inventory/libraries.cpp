// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "base/version.hpp"
#include "inventory/elf.hpp"
#include "inventory/ld_cache.hpp"
#include "inventory/parts.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel::inventory {

namespace {

/// A directory that holds one of these at the driver's version is one of the driver's.
constexpr std::array<std::string_view, 2> landmarks{"libcuda.so", "libnvidia-ml.so"};

#if defined(__x86_64__)
constexpr std::array<std::string_view, 9> usual_directories{
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu/nvidia/current",
    "/usr/lib64",
    "/usr/lib64/nvidia",
    "/usr/lib",
    "/usr/lib/nvidia",
    "/usr/local/nvidia/lib64",
    "/run/opengl-driver/lib",
    "/lib/x86_64-linux-gnu",
};
constexpr std::array<std::string_view, 4> usual_directories_32bit{
    "/usr/lib/i386-linux-gnu",
    "/usr/lib/i386-linux-gnu/nvidia/current",
    "/usr/lib32",
    "/run/opengl-driver-32/lib",
};
#else
constexpr std::array<std::string_view, 9> usual_directories{
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu/nvidia/current",
    "/usr/lib64",
    "/usr/lib64/nvidia",
    "/usr/lib",
    "/usr/lib/nvidia",
    "/usr/local/nvidia/lib64",
    "/run/opengl-driver/lib",
    "/lib/aarch64-linux-gnu",
};
constexpr std::array<std::string_view, 1> usual_directories_32bit{"/usr/lib/arm-linux-gnueabihf"};
#endif

/// Directories in the order of the search; what is pushed twice counts where it came first.
class Candidates {
  public:
    void push(HostPath directory) {
        if (seen_.insert(directory).second)
            list_.push_back(std::move(directory));
    }
    [[nodiscard]] const std::vector<HostPath>& list() const { return list_; }

  private:
    std::set<HostPath> seen_;
    std::vector<HostPath> list_;
};

/// The directories in which the host's loader finds the landmarks, links followed and not.
void push_cached(const sys::HostFs& host, const HostPath& cache, bool with_32bit,
                 Candidates& candidates, std::vector<std::string>& remarks) {
    const auto file = host.map(cache);
    if (!file) {
        remarks.push_back(file.error().text());
        return;
    }
    const auto entries = parse_ld_cache(file->bytes());
    if (!entries) {
        remarks.push_back(cache.text() + " is passed over: " + entries.error().text());
        return;
    }
    for (const auto& entry : *entries) {
        const bool landmark = std::ranges::any_of(
            landmarks, [&](auto name) { return entry.soname.starts_with(name); });
        if (!landmark || entry.machine == LdCacheEntry::Machine::other
            || (entry.machine == LdCacheEntry::Machine::native32 && !with_32bit))
            continue;
        const auto path = HostPath::make(entry.path);
        if (!path)
            continue;
        if (const auto real = host.resolve(*path))
            candidates.push(real->parent());
        else
            remarks.push_back(cache.text() + " is stale: it names " + path->text()
                              + ", which is not there (run ldconfig)");
        candidates.push(path->parent());
    }
}

Candidates candidate_directories(const sys::HostFs& host, const InventoryScope& scope,
                                 std::vector<std::string>& remarks) {
    const bool with_32bit = scope.driver_capabilities.has(DriverCapability::compat32);
    Candidates candidates;
    for (const auto& directory : scope.library_search_path)
        candidates.push(directory);
    push_cached(host, scope.ldcache_file, with_32bit, candidates, remarks);
    for (const auto directory : usual_directories)
        candidates.push(host_path(directory));
    if (with_32bit)
        for (const auto directory : usual_directories_32bit)
            candidates.push(host_path(directory));
    return candidates;
}

bool holds_driver(const sys::HostFs& host, const HostPath& directory, const std::string& version) {
    return std::ranges::any_of(landmarks, [&](auto name) {
        return host.stat(directory / (std::string(name) + "." + version)).has_value();
    });
}

/// The versions of landmarks in these directories, for a host that has none of the right one.
std::set<std::string> versions_present(const sys::HostFs& host,
                                       const std::vector<HostPath>& directories) {
    std::set<std::string> versions;
    for (const auto& directory : directories) {
        const auto names = host.list(directory);
        if (!names)
            continue;
        for (const std::string_view name : *names)
            for (const auto landmark : landmarks) {
                if (!name.starts_with(landmark) || name.size() <= landmark.size() + 1)
                    continue;
                const auto suffix = name.substr(landmark.size() + 1);
                const auto version = Version::parse(suffix);
                if (version && version->parts.size() > 1)
                    versions.emplace(suffix);
            }
    }
    return versions;
}

Error no_libraries(const sys::HostFs& host, const std::vector<HostPath>& searched,
                   const std::string& version, const std::vector<std::string>& remarks) {
    const auto present = versions_present(host, searched);
    if (!present.empty())
        return refused("driver " + version + " is loaded but the libraries are "
                           + enumerate({present.begin(), present.end()}),
                       "reboot, or reload the nvidia module");
    const auto stale = std::ranges::find_if(remarks, [](const auto& remark) {
        return remark.find(" is stale: ") != std::string::npos;
    });
    return refused("driver " + version + " is loaded but its libraries (libcuda.so." + version
                       + ") were not found"
                       + (stale == remarks.end() ? std::string() : "; " + *stale),
                   "install them, or name their directory in library-search-path");
}

bool has_version(std::string_view name, std::string_view version) {
    return name.starts_with("lib") && name.ends_with(version)
           && name.substr(0, name.size() - version.size()).ends_with(".so.");
}

Result<std::optional<Library>> library(const sys::HostFs& host, const HostPath& path,
                                       bool with_32bit) {
    const auto file = GRAPNEL_TRY(host.map(path));
    auto elf = GRAPNEL_TRY(
        read_elf(file.bytes()).note(path.text()).cure("reinstall the driver's libraries"));
    if (elf.machine == ElfFacts::Machine::other
        || (elf.machine == ElfFacts::Machine::native32 && !with_32bit))
        return std::optional<Library>();
    // it becomes the name of a link in the container
    if (!elf.soname.empty() && !is_plain_name(elf.soname))
        return refused(path.text() + ": SONAME " + quote(elf.soname) + " is not a file name");
    return std::optional(Library{.path = path,
                                 .soname = std::move(elf.soname),
                                 .is_32bit = elf.machine == ElfFacts::Machine::native32});
}

} // namespace

Result<std::vector<HostPath>> library_directories(const sys::HostFs& host,
                                                  const InventoryScope& scope,
                                                  const std::string& version,
                                                  std::vector<std::string>& remarks) {
    const auto searched = candidate_directories(host, scope, remarks);
    Candidates found;
    for (const auto& directory : searched.list())
        if (holds_driver(host, directory, version))
            if (auto real = host.resolve(directory))
                found.push(std::move(*real));
    if (found.list().empty())
        return no_libraries(host, searched.list(), version, remarks);
    return found.list();
}

HostPath management_library(const sys::HostFs& host, const std::vector<HostPath>& directories,
                            const std::string& version) {
    for (const auto& directory : directories) {
        auto found = library(host, directory / ("libnvidia-ml.so." + version), false);
        if (found && *found)
            return std::move((*found)->path);
    }
    return {};
}

Result<std::vector<Library>> libraries(const sys::HostFs& host,
                                       const std::vector<HostPath>& directories,
                                       const std::string& version, DriverCapabilities wanted,
                                       std::vector<std::string>& remarks) {
    const bool with_32bit = wanted.has(DriverCapability::compat32);
    std::vector<Library> out;
    std::set<std::pair<std::string, bool>> taken;
    for (const auto& directory : directories) {
        const auto names = GRAPNEL_TRY(host.list(directory));
        for (const auto& name : names) {
            if (!has_version(name, version) || !library_wanted(name, wanted))
                continue;
            auto found = library(host, directory / name, with_32bit);
            if (!found)
                remarks.push_back("passed over: " + found.error().text());
            else if (*found && taken.emplace(name, (*found)->is_32bit).second)
                out.push_back(std::move(**found));
        }
    }
    std::ranges::sort(out, {}, &Library::path);
    return out;
}

} // namespace grapnel::inventory
