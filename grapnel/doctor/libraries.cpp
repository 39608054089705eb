// SPDX-License-Identifier: Apache-2.0
#include "doctor/libraries.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "doctor/driver_commands.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/shell.hpp"
#include "driver/inventory.hpp"
#include "driver/library_directories.hpp"
#include "driver/usual_directories.hpp"
#include "elf/ld_cache.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace grapnel::doctor_command {

namespace {

/// A driver for computing, for drawing or for management alone has one of them.
constexpr std::array<std::string_view, 4> telling{"libcuda.so.", "libnvidia-ml.so.",
                                                  "libnvidia-glcore.so.", "libnvidia-tls.so."};

/// "580.159.04" of libcuda.so.580.159.04; nothing for a SONAME.
std::optional<std::string> version_of(std::string_view name) {
    for (const auto stem : telling) {
        if (!name.starts_with(stem))
            continue;
        const auto rest = name.substr(stem.size());
        const auto version = Version::parse(rest);
        if (version && version->parts.size() > 1)
            return std::string(rest);
    }
    return std::nullopt;
}

class Search {
  public:
    Search(const sys::HostFs& host, const std::string& version) : host_(host), version_(version) {}

    /// Whether the directory holds libcuda or libnvidia-ml of the loaded driver.
    bool look(const HostPath& directory) {
        bool holds = false;
        for (const auto& name : names_in(host_, directory)) {
            if (const auto version = version_of(name)) {
                out.versions.insert(*version);
                out.is_installed = out.is_installed || *version == version_;
                holds = holds || name == "libcuda.so." + version_
                        || name == "libnvidia-ml.so." + version_;
            }
            if (driver::has_version(name, version_) && is_empty(directory / name))
                out.empty_files.push_back(directory / name);
        }
        return holds;
    }

    LibrarySearch out = {};

  private:
    [[nodiscard]] bool is_empty(const HostPath& path) const {
        const auto file = host_.map(path);
        return file && file->bytes().empty();
    }

    const sys::HostFs& host_;
    const std::string& version_;
};

/// Directories of ld.so.conf and the files below ld.so.conf.d, which most hosts include.
std::vector<HostPath> configured_directories(const sys::HostFs& host) {
    std::vector<HostPath> files{host_path("/etc/ld.so.conf")};
    const auto below = host_path("/etc/ld.so.conf.d");
    for (const auto& name : names_in(host, below))
        if (name.ends_with(".conf"))
            files.push_back(below / name);
    std::vector<HostPath> out;
    for (const auto& file : files) {
        const auto text = text_of(host, file);
        for (const auto line : split(text, '\n'))
            if (trim(line).starts_with('/'))
                if (auto path = HostPath::make(trim(line)))
                    out.push_back(std::move(*path));
    }
    return out;
}

/// Whether it is a cache, and has no library of a driver's that is there.
bool look_at_cache(const sys::HostFs& host, const HostPath& cache, Search& search) {
    bool names_driver = false;
    const auto file = host.map(cache);
    const auto parsed = file ? parse_ld_cache(file->bytes()) : Result<LdCacheFile>(file.error());
    if (!parsed)
        return false;
    for (const auto& entry : parsed->entries) {
        if (entry.machine() != LdCacheEntry::Machine::native
            || (entry.soname != "libcuda.so.1" && entry.soname != "libnvidia-ml.so.1"))
            continue;
        const auto path = HostPath::make(entry.path);
        if (path && path->parent().name() == "stubs") {
            search.out.stub = *path;
            continue;
        }
        if (path && !exists(host, *path) && !search.out.is_stale())
            search.out.stale_reason = "it names " + path->text() + ", which is not there";
        if (path && exists(host, *path)) {
            (void)search.look(path->parent());
            names_driver = true;
        }
    }
    return !names_driver;
}

} // namespace

LibrarySearch look_for_libraries(const Facts& facts, const std::string& version) {
    const auto& host = facts.driver_host();
    Search search(host, version);
    const bool lacks_driver = look_at_cache(host, facts.settings.settings.ldcache_file, search);
    for (const auto& directory : configured_directories(host))
        if (search.look(directory) && lacks_driver && !search.out.is_stale())
            search.out.stale_reason = "it lacks the libraries in " + directory.text();
    for (const auto& directory : driver::usual_library_directories(false))
        search.look(directory);
    auto& empty = search.out.empty_files;
    std::ranges::sort(empty);
    empty.erase(std::unique(empty.begin(), empty.end()), empty.end());
    return std::move(search.out);
}

namespace {

/// Directories of libraries below a prefix.
constexpr std::array<std::string_view, 6> parts{
    "", "/lib64", "/lib", "/usr/lib64", "/usr/lib", "/usr/lib/x86_64-linux-gnu"};

HostPath library_directory_below(const sys::HostFs& host, const HostPath& prefix,
                                 const std::string& version) {
    for (const auto part : parts) {
        auto directory = HostPath::make(prefix.text() + std::string(part)).value_or(prefix);
        if (exists(host, directory / ("libcuda.so." + version))
            || exists(host, directory / ("libnvidia-ml.so." + version)))
            return directory;
    }
    return {};
}

} // namespace

HostPath find_driver_elsewhere(const Facts& facts, const std::string& version) {
    const auto& host = facts.driver_host();
    const auto store = host_path("/nix/store");
    for (const auto& place : {host_path("/opt"), host_path("/usr/local"), host_path("/srv"), store})
        for (const auto& name : names_in(host, place)) {
            if (place == store && name.find("nvidia") == std::string::npos)
                continue;
            std::vector<HostPath> prefixes{place / name};
            if (place != store)
                for (const auto& inner : names_in(host, place / name))
                    prefixes.push_back(place / name / inner);
            for (const auto& prefix : prefixes)
                if (auto found = library_directory_below(host, prefix, version); !found.empty())
                    return found;
        }
    return {};
}

Finding stub_in_cache(const Facts& facts, const HostPath& stub) {
    Finding out{.code = Code::GR0219,
                .text = facts.settings.settings.ldcache_file.text() + " has CUDA's stub "
                        + stub.text() + ": programs of the host that load it find no GPU",
                .command = page_command(Code::GR0219)};
    const auto& host = facts.driver_host();
    const auto below = host_path("/etc/ld.so.conf.d");
    auto files = names_in(host, below);
    std::erase_if(files, [](const std::string& name) { return !name.ends_with(".conf"); });
    for (const auto& name : files) {
        const auto text = text_of(host, below / name);
        for (const auto line : split(text, '\n'))
            if (!facts.rooted && trim(line) == stub.parent().text())
                out.command = "sed -i '\\#/stubs#d' " + shell_word((below / name).text()) + " && "
                              + ldconfig_command(facts);
    }
    return out;
}

/// Its cure is a sentence, and stands in the text.
Finding unusable_driver(const Error& error) {
    return {
        .code = Code::GR0213, .text = error.text(), .command = "grapnel info", .needs_root = false};
}

bool is_special_platform(const Facts& facts) {
    return exists(facts.host, host_path("/dev/dxg"))
           || exists(facts.host, host_path("/etc/nv_tegra_release"))
           || text_of(facts.host, host_path("/sys/devices/soc0/family")) == "Tegra";
}

} // namespace grapnel::doctor_command
