// SPDX-License-Identifier: Apache-2.0
#include "driver/tegra/tegra.hpp"

#include "base/notices.hpp"
#include "base/text.hpp"
#include "driver/compute_capability.hpp"
#include "driver/driver_version.hpp"
#include "driver/files.hpp"
#include "driver/gpus.hpp"
#include "driver/missing_nodes.hpp"
#include "driver/nodes.hpp"
#include "driver/tegra/csv_list.hpp"
#include "driver/tegra/gpus.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel::driver {

namespace {

using Place = SamePlace::Kind;
using FileType = sys::FileFacts::Type;

constexpr std::array<std::string_view, 3> base_lists{"devices.csv", "drivers.csv", "l4t.csv"};
constexpr std::size_t named_in_a_warning = 3;

const HostPath& release_file() {
    static const auto path = host_path("/etc/nv_tegra_release");
    return path;
}

Result<std::vector<HostPath>> lists(const sys::HostFs& host, const CsvScope& scope) {
    if (!scope.lists.empty())
        return scope.lists;
    std::vector<HostPath> out;
    const auto names = host.list(scope.directory);
    for (const auto& name : names ? *names : std::vector<std::string>())
        if (scope.all_lists ? name.ends_with(".csv")
                            : std::ranges::find(base_lists, name) != base_lists.end())
            out.push_back(scope.directory / name);
    if (out.empty())
        return refused("there is no list of the driver's files in " + scope.directory.text(),
                       "install JetPack's nvidia-container package, or name the directory in "
                       "nvidia-container-runtime.modes.csv.mount-spec-path");
    return out;
}

bool is_below(std::string_view path, std::string_view directory) {
    return path.starts_with(std::string(directory) + "/");
}

/// A given directory brings everything below it.
void leave_out_what_lies_in_directories(std::vector<SamePlace>& places) {
    std::vector<std::string> directories;
    for (const auto& place : places)
        if (place.kind == Place::directory)
            directories.push_back(place.path.text());
    std::erase_if(places, [&](const auto& place) {
        return std::ranges::any_of(
            directories, [&](const auto& one) { return is_below(place.path.text(), one); });
    });
}

/// Adds the paths of the lists, each once.
class Collector {
  public:
    Collector(const sys::HostFs& host, const CsvScope& scope, Inventory& out)
        : host_(host), scope_(scope), out_(out) {}

    void take(const HostPath& list) {
        const auto text = host_.read(list);
        if (!text) {
            out_.notices.warn(text.error().text());
            return;
        }
        const auto parsed = parse_csv_list(*text);
        for (const auto& line : parsed.bad_lines)
            out_.notices.warn(list.text() + ": passed over: " + line);
        std::vector<std::string> missing;
        for (const auto& entry : parsed.entries)
            if (!add_matching(entry))
                missing.push_back(entry.path.text());
        warn_of_missing(list, std::move(missing));
    }

    [[nodiscard]] bool has(const HostPath& path) const { return taken_.contains(path); }

  private:
    bool add_matching(const CsvEntry& entry) {
        bool any = false;
        for (auto& path : matching(host_, entry.path))
            any |= is_left_out({entry.type, path}) || taken_.contains(path)
                   || add({.type = entry.type, .path = std::move(path)});
        return any;
    }

    [[nodiscard]] bool is_left_out(const CsvEntry& entry) const {
        return entry.type == CsvEntry::Type::link && is_ignored(entry.path, scope_.ignored);
    }

    /// False if the host has no such thing.
    bool add(const CsvEntry& entry) {
        const bool added = entry.type == CsvEntry::Type::link     ? add_link(entry.path)
                           : entry.type == CsvEntry::Type::device ? add_device(entry.path)
                                                                  : add_file(entry);
        if (added)
            taken_.insert(entry.path);
        return added;
    }

    bool add_link(const HostPath& path) {
        auto target = host_.read_link(path);
        if (!target)
            return false;
        const auto place = link_destination(path.text(), *target);
        if (!place || is_below(*place, "/proc") || is_below(*place, "/sys")) {
            out_.notices.warn(path.text() + " is left out: the link leads to " + quote(*target));
            return true;
        }
        out_.same_places.push_back(
            {.kind = Place::link, .path = path, .target = std::move(*target)});
        return true;
    }

    /// /dev/dri/by-path: links to devices that the list names too.
    bool add_links_in(const HostPath& directory) {
        const auto names = host_.list(directory);
        for (const auto& name : names ? *names : std::vector<std::string>())
            (void)add_link(directory / name);
        return names.has_value();
    }

    bool add_device(const HostPath& path) {
        const auto facts = host_.stat(path);
        if (!facts || facts->type != FileType::character_device)
            return false;
        const DeviceNumber number{facts->major, facts->minor};
        out_.control_nodes.push_back({.path = path,
                                      .expected = number,
                                      .found = number,
                                      .attributes = attributes_of(*facts)});
        return true;
    }

    bool add_file(const CsvEntry& entry) {
        const bool directory = entry.type == CsvEntry::Type::directory;
        const auto facts = host_.stat(entry.path);
        if (!facts || facts->type != (directory ? FileType::directory : FileType::regular))
            return false;
        if (is_below(entry.path.text(), "/dev"))
            return add_links_in(entry.path);
        out_.same_places.push_back(
            {.kind = directory ? Place::directory : Place::library, .path = entry.path});
        auto& directories = out_.same_place_libraries;
        if (!directory && entry.path.name().find(".so") != std::string_view::npos
            && std::ranges::find(directories, entry.path.parent()) == directories.end())
            directories.push_back(entry.path.parent());
        return true;
    }

    /// A list is JetPack's, of every board and part: much of it is on no host.
    void warn_of_missing(const HostPath& list, std::vector<std::string> missing) {
        if (missing.empty())
            return;
        const auto count = missing.size();
        if (count > named_in_a_warning) {
            missing.resize(named_in_a_warning);
            missing.push_back(std::to_string(count - named_in_a_warning) + " more");
        }
        out_.notices.warn(list.text() + ": not on this host: " + enumerate(missing));
    }

    const sys::HostFs& host_;
    const CsvScope& scope_;
    Inventory& out_;
    std::set<HostPath> taken_ = {};
};

std::optional<std::string> cuda_of(const sys::HostFs& host, const Inventory& inventory) {
    for (const auto& place : inventory.same_places)
        if (place.kind == Place::library && place.path.name().starts_with("libcuda.so"))
            if (auto version = cuda_version_in(host, place.path))
                return version;
    return std::nullopt;
}

/// The compute capability of the GPU on the chip, by the chip's number (soc/tegra/fuse.h
/// of the kernel, which shows it in decimal).
std::optional<std::string> arch_of_chip(const sys::HostFs& host) {
    constexpr std::array<std::pair<std::uint32_t, std::string_view>, 5> chips{
        {{0x18, "6.2"}, {0x19, "7.2"}, {0x21, "5.3"}, {0x23, "8.7"}, {0x26, "11.0"}}};
    const auto text = host.read(host_path("/sys/devices/soc0/soc_id"));
    const auto number = text ? parse_number<std::uint32_t>(trim(*text)) : std::nullopt;
    const auto* const known = std::ranges::find(
        chips, number, [](const auto& chip) { return std::optional(chip.first); });
    return known == chips.end() ? std::nullopt : std::optional(std::string(known->second));
}

/// The GPUs of the nvidia module, if the board's own is among them; else the board's GPU alone,
/// without any facts.
Status add_gpus(const sys::HostFs& host, const Majors& majors, const InventoryScope& scope,
                Inventory& out) {
    Notices notices;
    auto shown = GRAPNEL_TRY(gpus(host, majors, scope.known_gpus, notices));
    out.known_gpus = std::move(shown.known);
    if (std::ranges::none_of(shown.gpus, is_integrated)) {
        out.gpus.push_back({.arch = arch_of_chip(host)});
        return {};
    }
    out.gpus = std::move(shown.gpus);
    out.notices.add(notices);
    for (auto& gpu : out.gpus)
        gpu.arch = is_integrated(gpu) ? arch_of_chip(host) : compute_capability(host, gpu.pci);
    if (out.gpus.size() == 1)
        out.gpus.front().node = {}; // all that the lists name is its own
    out.proc_files = proc_files(host);
    return {};
}

} // namespace

bool is_tegra(const sys::HostFs& host) {
    if (host.stat(release_file()))
        return true;
    constexpr std::string_view family = "tegra";
    const auto text = host.read(host_path("/sys/devices/soc0/family"));
    return text && equal_ignoring_case(std::string_view(*text).substr(0, family.size()), family);
}

bool is_served_by_csv_lists(const sys::HostFs& host, const CsvScope& scope,
                            const std::vector<Gpu>& shown) {
    return scope.use == CsvScope::Use::automatic && is_tegra(host)
           && (shown.empty()
               || (std::ranges::any_of(shown, is_integrated) && lists(host, scope).has_value()));
}

std::set<HostPath> listed_nodes(const sys::HostFs& host, const CsvScope& scope) {
    std::set<HostPath> out;
    const auto files = lists(host, scope);
    for (const auto& file : files ? *files : std::vector<HostPath>()) {
        const auto text = host.read(file);
        for (const auto& entry : text ? parse_csv_list(*text).entries : std::vector<CsvEntry>())
            if (entry.type == CsvEntry::Type::device)
                for (auto& path : matching(host, entry.path))
                    out.insert(std::move(path));
    }
    return out;
}

Result<Inventory> from_csv_lists(const sys::HostFs& host, const InventoryScope& scope) {
    const auto version = driver_version(host);
    Inventory out{.driver_version = version ? *version : "tegra",
                  .pass_through = PassThrough{.platform = "a Jetson",
                                              .one_gpu = "a Jetson has one GPU",
                                              .forward_compat = true}};
    const auto majors = character_majors(host);
    GRAPNEL_TRY(add_gpus(host, majors, scope, out));
    out.pass_through->csv_compat = is_served_by_nvgpu(out.gpus.front());
    Collector collector(host, scope.csv, out);
    const auto files = GRAPNEL_TRY(lists(host, scope.csv));
    for (const auto& list : files)
        collector.take(list);
    if (!collector.has(release_file()) && host.stat(release_file()))
        out.same_places.push_back({.kind = Place::config, .path = release_file()});
    out.cuda_version = cuda_of(host, out); // forward compatibility is decided by it as well
    leave_out_what_lies_in_directories(out.same_places);
    if (out.gpus.size() > 1)
        assign_nodes_to_gpus(host, majors, out);
    mark_missing_nodes(host, majors, scope, out);
    return out;
}

} // namespace grapnel::driver
