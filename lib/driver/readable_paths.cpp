// SPDX-License-Identifier: Apache-2.0
#include "driver/readable_paths.hpp"

#include "driver/driver_libraries.hpp"
#include "driver/files.hpp"
#include "driver/inventory.hpp"
#include "driver/library_table.hpp"
#include "driver/tegra/csv_list.hpp"
#include "driver/usual_directories.hpp"
#include "driver/watched_host.hpp"
#include "elf/ld_cache.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

namespace grapnel {

namespace {

constexpr std::array<std::string_view, 25> usual{
    "/proc",
    "/sys",
    "/usr",
    "/usr/local", // OSTree: a link to /var/usrlocal
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/sbin",
    "/etc/OpenCL",
    "/etc/X11",
    "/etc/egl",
    "/etc/glvnd",
    "/etc/nv_tegra_release",
    "/etc/nvidia",
    "/etc/vulkan",
    "/gnu",                        // Guix
    "/nix",                        // NixOS
    "/run/current-system",         // NixOS
    "/run/opengl-driver",          // NixOS
    "/run/opengl-driver-32",       // NixOS
    "/opt/bin",                    // Flatcar
    "/opt/nvidia",                 // Flatcar, driver containers
    "/home/kubernetes/bin/nvidia", // GKE on Container-Optimized OS
    "/var/lib/nvidia",             // Container-Optimized OS
};

/// The directory above the first component that is a pattern; nothing if none is.
std::optional<HostPath> above_patterns(const HostPath& path) {
    const auto& text = path.text();
    const auto pattern = text.find_first_of("*?[");
    if (pattern == text.npos)
        return std::nullopt;
    const auto end = text.rfind('/', pattern);
    return host_path(std::string_view(text).substr(0, std::max(end, std::size_t{1})));
}

bool covers(const std::vector<HostPath>& directories, const HostPath& path) {
    return std::ranges::any_of(directories,
                               [&](const auto& one) { return is_at_or_below(path, one); });
}

class Collector {
  public:
    Collector(const sys::HostFs& host, const InventoryScope& scope) : host_(host), scope_(scope) {
        for (const auto path : usual)
            out_.read.push_back(host_path(path));
        for (const auto* const paths :
             {&scope.library_search_path, &scope.binary_search_path, &scope.config_search_path})
            out_.read.insert(out_.read.end(), paths->begin(), paths->end());
        out_.read.push_back(scope.ldcache_file);
        out_.read.push_back(scope.csv.directory);
        out_.read.insert(out_.read.end(), scope.csv.lists.begin(), scope.csv.lists.end());
    }

    ReadablePaths collect() && {
        for (const auto& directory : scope_.library_search_path)
            add_libraries(directory);
        for (const auto& directory : driver::usual_library_directories(true))
            add_libraries(directory);
        add_cached();
        add_programs();
        for (const auto& directory : driver::firmware_directories(host_))
            add(directory);
        add_listed();
        return std::move(out_);
    }

  private:
    void add(const HostPath& path) {
        if (path != host_path("/") && !covers(out_.read, path))
            out_.read.push_back(path);
    }

    void add_names_in(const HostPath& directory) {
        if (directory != host_path("/") && !covers(out_.read, directory)
            && !covers(out_.listed, directory))
            out_.listed.push_back(directory);
    }

    /// A directory of libraries, and the directories beside it of a driver that is unpacked there.
    void add_libraries(const HostPath& directory) {
        if (!seen_.insert(directory).second)
            return;
        const auto real = host_.resolve(directory);
        if (!real)
            return;
        add(*real);
        if (const auto prefix = driver::prefix_of(*real); prefix && *prefix != host_path("/"))
            for (const auto* const name : {"bin", "etc", "lib", "share", "vulkan"})
                add(*prefix / name);
    }

    void add_cached() {
        const auto file = host_.map(scope_.ldcache_file);
        const auto cached =
            file ? parse_ld_cache(file->bytes()) : Result<LdCacheFile>(file.error());
        if (!cached)
            return;
        for (const auto& entry : cached->entries) {
            if (!driver::is_driver_library(entry.soname))
                continue;
            const auto path = HostPath::make(entry.path);
            if (!path)
                continue;
            add_libraries(path->parent());
            const bool leads =
                entry.soname.starts_with("libcuda.") || entry.soname.starts_with("libnvidia-ml.");
            const auto real = leads ? host_.resolve(*path) : Result<HostPath>(*path);
            if (real)
                add_libraries(real->parent());
        }
    }

    void add_programs() {
        const InventoryScope all{.driver_capabilities = DriverCapabilities::all()};
        for (const auto& program : driver::binaries(host_, all, {}))
            if (const auto real = host_.resolve(program.path))
                add(real->parent());
    }

    void add_listed() {
        for (const auto& list : scope_.csv.lists)
            add_entries(list);
        const auto names = host_.list(scope_.csv.directory);
        for (const auto& name : names ? *names : std::vector<std::string>())
            if (name.ends_with(".csv"))
                add_entries(scope_.csv.directory / name);
    }

    void add_entries(const HostPath& list) {
        const auto text = host_.read(list);
        if (!text)
            return;
        for (const auto& entry : parse_csv_list(*text).entries)
            add_listed(entry);
    }

    /// libcuda says its CUDA version. The name of a library can be a link to the file beside it.
    void add_listed(const CsvEntry& entry) {
        const auto above = above_patterns(entry.path);
        if (above)
            add_names_in(*above);
        if (entry.type != CsvEntry::Type::device)
            out_.given.push_back(above.value_or(entry.path));
        if (entry.type != CsvEntry::Type::library || !entry.path.name().starts_with("libcuda.so"))
            return;
        for (const auto& path : matching(host_, entry.path)) {
            const auto directory = host_.resolve(path.parent());
            const auto real = host_.resolve(path);
            if (directory && real && real->parent() == *directory)
                add(*real);
        }
    }

    const sys::HostFs& host_;
    const InventoryScope& scope_;
    ReadablePaths out_ = {};
    std::set<HostPath> seen_ = {};
};

} // namespace

bool is_at_or_below(const HostPath& path, const HostPath& directory) {
    return path == directory || path.text().starts_with(directory.text() + "/");
}

bool is_among(const sys::HostFs& host, const std::vector<HostPath>& paths, const HostPath& real) {
    return std::ranges::any_of(paths, [&](const auto& path) {
        const auto behind_links = host.resolve(path);
        return behind_links && is_at_or_below(real, *behind_links);
    });
}

ReadablePaths readable_paths(const sys::HostFs& host, const InventoryScope& scope) {
    return Collector(host, scope).collect();
}

Error outside_readable(const HostPath& path, const HostPath& real) {
    const auto leads = path == real ? std::string() : " leads to " + real.text() + ", which";
    return refused(path.text() + leads + " is in no directory that drivers are read from",
                   "name " + real.parent().text() + " in library-search-path of the settings");
}

} // namespace grapnel
