// SPDX-License-Identifier: Apache-2.0
// Programs, firmware, sockets and /proc files of the driver.
#include "driver/files.hpp"

#include "base/text.hpp"
#include "driver/library_directories.hpp"
#include "driver/usual_directories.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel::driver {

namespace {

using enum DriverCapability;

constexpr std::array<std::pair<std::string_view, DriverCapabilities>, 9> programs{{
    {"nvidia-smi", {utility}},
    {"nvidia-debugdump", {utility}},
    {"nvidia-persistenced", {utility}},
    {"nv-fabricmanager", {utility}},
    {"nvidia-imex", {utility}},
    {"nvidia-imex-ctl", {utility}},
    {"nvidia-cuda-mps-control", {compute}},
    {"nvidia-cuda-mps-server", {compute}},
    {"nvidia-xconfig", {graphics, display}},
}};

constexpr std::array<std::string_view, 8> usual_binary_directories{
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/bin",
    "/sbin",
    "/run/current-system/sw/bin", // NixOS
    "/opt/bin"};                  // Flatcar

/// Directories of programs beside a library directory: bin of a driver that is unpacked under a
/// directory of its own, and Debian's /usr/lib/nvidia/BRANCH for .../nvidia/BRANCH.
std::vector<HostPath> beside(const HostPath& library_directory) {
    std::vector<HostPath> out;
    const auto prefix = prefix_of(library_directory);
    if (!prefix)
        return out;
    if (library_directory.parent().name() == "nvidia")
        out.push_back(*prefix / "lib/nvidia" / library_directory.name());
    out.push_back(*prefix / "bin");
    return out;
}

/// Existing directories in the order of the search, each once by its path without links.
std::vector<HostPath> binary_directories(const sys::HostFs& host, const InventoryScope& scope,
                                         const std::vector<LibraryDirectory>& library_directories) {
    auto all = scope.binary_search_path;
    for (const auto& directory : library_directories)
        for (auto& path : beside(directory.path))
            all.push_back(std::move(path));
    for (const auto directory : usual_binary_directories)
        all.push_back(host_path(directory));
    const auto bottlerocket = host_path("/usr/libexec/nvidia");
    if (const auto branches = host.list(bottlerocket))
        for (const auto& branch : *branches)
            all.push_back(bottlerocket / branch / "bin");
    std::vector<HostPath> out;
    std::set<HostPath> seen;
    for (auto& directory : all)
        if (auto real = host.resolve(directory); real && seen.insert(std::move(*real)).second)
            out.push_back(std::move(directory));
    return out;
}

/// Where other users may write a link is not followed: it is theirs, and leads anywhere.
bool is_itself(const sys::HostFs& host, const HostPath& path, sys::FileFacts::Type type) {
    const auto facts = host.stat_link(path);
    return facts && facts->type == type;
}

} // namespace

std::vector<HostPath> firmware_directories(const sys::HostFs& host) {
    std::vector<HostPath> out;
    const auto configured = host.read(host_path("/sys/module/firmware_class/parameters/path"));
    if (configured)
        if (auto path = HostPath::make(configured->substr(0, configured->find('\n'))))
            out.push_back(std::move(*path));
    const auto release = host.read(host_path("/proc/sys/kernel/osrelease"));
    const auto name = release ? release->substr(0, release->find('\n')) : std::string();
    for (const auto* const directory : {"/lib/firmware/updates", "/lib/firmware"}) {
        if (is_plain_name(name))
            out.push_back(host_path(directory) / name);
        out.push_back(host_path(directory));
    }
    return out;
}

bool is_file(const sys::HostFs& host, const HostPath& path) {
    const auto facts = host.stat(path);
    return facts && facts->type == sys::FileFacts::Type::regular;
}

std::vector<Binary> binaries(const sys::HostFs& host, const InventoryScope& scope,
                             const std::vector<LibraryDirectory>& library_directories) {
    const auto directories = binary_directories(host, scope, library_directories);
    std::vector<Binary> out;
    for (const auto& program : programs) {
        const auto name = program.first;
        if ((scope.driver_capabilities & program.second).empty())
            continue;
        const auto found = std::ranges::find_if(
            directories, [&](const auto& directory) { return is_file(host, directory / name); });
        if (found != directories.end())
            out.push_back({.path = *found / name, .name = std::string(name)});
    }
    return out;
}

std::vector<HostPath> firmware(const sys::HostFs& host, const std::string& version) {
    for (const auto& directory : firmware_directories(host)) {
        const auto names = host.list(directory / "nvidia" / version);
        if (!names)
            continue;
        std::vector<HostPath> out;
        for (const std::string_view name : *names)
            if (name.starts_with("gsp") && name.ends_with(".bin"))
                out.push_back(directory / "nvidia" / version / name);
        if (!out.empty())
            return out;
    }
    return {};
}

std::vector<HostPath> sockets(const sys::HostFs& host, DriverCapabilities wanted) {
    std::vector<HostPath> out;
    if (!wanted.has(utility))
        return out;
    for (const auto* const name : {"nvidia-persistenced/socket", "nvidia-fabricmanager/socket"})
        // on most hosts /var/run is a link to /run
        for (const auto* const directory : {"/run", "/var/run"}) {
            const auto path = host_path(directory) / name;
            if (!is_itself(host, path, sys::FileFacts::Type::other))
                continue;
            out.push_back(path);
            break;
        }
    return out;
}

std::vector<HostPath> socket_directories(const sys::HostFs& host, DriverCapabilities wanted) {
    const auto mps = host_path("/tmp/nvidia-mps");
    if (!wanted.has(compute) || !is_itself(host, mps, sys::FileFacts::Type::directory))
        return {};
    return {mps};
}

std::vector<ProcFile> proc_files(const sys::HostFs& host) {
    std::vector<ProcFile> out;
    for (const auto* const name : {"params", "registry", "version"})
        if (auto text = host.read(host_path("/proc/driver/nvidia") / name))
            out.push_back({.name = name, .text = std::move(*text)});
    return out;
}

} // namespace grapnel::driver
