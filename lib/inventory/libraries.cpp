// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "base/version.hpp"
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
    const auto cached = parse_ld_cache(file->bytes());
    if (!cached) {
        remarks.push_back(cache.text() + " is passed over: " + cached.error().text());
        return;
    }
    for (const auto& entry : cached->entries) {
        const bool landmark = std::ranges::any_of(
            landmarks, [&](auto name) { return entry.soname.starts_with(name); });
        if (!landmark || entry.machine() == LdCacheEntry::Machine::other
            || (entry.machine() == LdCacheEntry::Machine::native32 && !with_32bit))
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
    for (auto& directory : usual_library_directories(with_32bit))
        candidates.push(std::move(directory));
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
        auto found = read_library(host, directory / ("libnvidia-ml.so." + version), false);
        if (found && *found)
            return std::move((*found)->library.path);
    }
    return {};
}

std::vector<HostPath> usual_library_directories(bool with_32bit) {
    std::vector<HostPath> out;
    for (const auto directory : usual_directories)
        out.push_back(host_path(directory));
    if (with_32bit)
        for (const auto directory : usual_directories_32bit)
            out.push_back(host_path(directory));
    return out;
}

} // namespace grapnel::inventory
