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

/// The directory that a path of a list lies in, or above its first component that is a pattern.
HostPath above_patterns(const HostPath& path) {
    const auto& text = path.text();
    const auto pattern = std::min(text.find_first_of("*?["), text.size());
    const auto end = text.rfind('/', pattern);
    return end == 0 || end == text.npos ? path : host_path(std::string_view(text).substr(0, end));
}

class Collector {
  public:
    Collector(const sys::HostFs& host, const InventoryScope& scope) : host_(host), scope_(scope) {
        for (const auto path : usual)
            out_.push_back(host_path(path));
        for (const auto* const paths :
             {&scope.library_search_path, &scope.binary_search_path, &scope.config_search_path})
            out_.insert(out_.end(), paths->begin(), paths->end());
        out_.push_back(scope.ldcache_file);
        out_.push_back(scope.csv.directory);
    }

    std::vector<HostPath> collect() && {
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
        const auto covers = [&](const auto& one) { return is_at_or_below(path, one); };
        if (path != host_path("/") && std::ranges::none_of(out_, covers))
            out_.push_back(path);
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
        const auto names = host_.list(scope_.csv.directory);
        for (const auto& name : names ? *names : std::vector<std::string>()) {
            const auto text = host_.read(scope_.csv.directory / name);
            if (!text || !name.ends_with(".csv"))
                continue;
            for (const auto& entry : parse_csv_list(*text).entries)
                if (entry.type != CsvEntry::Type::device)
                    add(above_patterns(entry.path));
        }
    }

    const sys::HostFs& host_;
    const InventoryScope& scope_;
    std::vector<HostPath> out_ = {};
    std::set<HostPath> seen_ = {};
};

} // namespace

bool is_at_or_below(const HostPath& path, const HostPath& directory) {
    return path == directory || path.text().starts_with(directory.text() + "/");
}

std::vector<HostPath> readable_paths(const sys::HostFs& host, const InventoryScope& scope) {
    return Collector(host, scope).collect();
}

} // namespace grapnel
