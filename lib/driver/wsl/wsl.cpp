// SPDX-License-Identifier: Apache-2.0
#include "driver/wsl/wsl.hpp"

#include "base/notices.hpp"
#include "base/text.hpp"
#include "driver/driver_version.hpp"
#include "driver/nodes.hpp"
#include "elf/elf.hpp"

#include <algorithm>
#include <array>

namespace grapnel::driver {

namespace {

using Place = SamePlace::Kind;

constexpr std::uint32_t misc_major = 10; // assigned: Documentation/admin-guide/devices.txt
constexpr std::array<std::string_view, 2> landmarks{"libnvidia-ml.so.1", "libcuda.so.1.1"};
constexpr std::string_view program = "nvidia-smi";

const HostPath& device() {
    static const auto path = host_path("/dev/dxg");
    return path;
}

/// Lines of a minor and a name.
Result<Node> device_node(const sys::HostFs& host) {
    const auto minor = misc_minor(host, device().name());
    if (!minor)
        return refused(device().text() + " is there, but the kernel offers no device dxg",
                       "run 'wsl --update' in Windows");
    const auto facts = GRAPNEL_TRY(host.stat(device()));
    const DeviceNumber number{misc_major, *minor};
    if (DeviceNumber{facts.major, facts.minor} != number)
        return refused(device().text() + " is not the kernel's device dxg, which is 10:"
                           + std::to_string(*minor),
                       "run 'wsl --shutdown' in Windows");
    return Node{.path = device(), .expected = number, .found = number};
}

struct Store {
    std::int64_t changed = 0;
    HostPath path = {};

    auto operator<=>(const Store&) const = default;
};

/// An update of Windows' driver brings a directory of its own, and the old one can stay.
Result<HostPath> driver_store(const sys::HostFs& host, Notices& notices) {
    const auto above = host_path("/usr/lib/wsl/drivers");
    std::vector<Store> stores;
    const auto names = host.list(above);
    for (const auto& name : names ? *names : std::vector<std::string>())
        for (const auto landmark : landmarks)
            if (const auto facts = host.stat(above / name / landmark)) {
                stores.push_back({.changed = facts->modified_ns, .path = above / name});
                break;
            }
    if (stores.empty())
        return refused("none of the drivers in " + above.text() + " is NVIDIA's",
                       "install NVIDIA's driver in Windows and run 'wsl --shutdown' there");
    std::ranges::sort(stores);
    if (stores.size() > 1)
        notices.warn("of several driver stores the one that was changed last is taken: "
                     + stores.back().path.text());
    return stores.back().path;
}

bool is_wanted(std::string_view name) {
    return name == program || name.find(".so") != std::string_view::npos || name.ends_with(".bin")
           || name.ends_with(".dll");
}

/// The link by which a loader finds the library; Windows' file systems have no links.
void add_soname_link(const sys::HostFs& host, const HostPath& path, Inventory& out) {
    const auto file = host.map(path);
    const auto elf = file ? read_elf(file->bytes()) : Result<ElfFacts>(file.error());
    if (!elf || !is_plain_name(elf->soname))
        return;
    const auto link = path.parent() / elf->soname;
    const bool is_there =
        std::ranges::any_of(out.same_places, [&](const auto& place) { return place.path == link; });
    if (!is_there && !host.stat(link))
        out.same_places.push_back(
            {.kind = Place::link, .path = link, .target = std::string(path.name())});
}

Status add_store(const sys::HostFs& host, const HostPath& store, Inventory& out) {
    const auto names = GRAPNEL_TRY(host.list(store));
    for (const auto& name : names) {
        const auto path = store / name;
        const auto facts = host.stat(path);
        if (!is_wanted(name) || !facts || facts->type != sys::FileFacts::Type::regular)
            continue;
        if (name == program)
            out.same_places.push_back({.kind = Place::link,
                                       .path = host_path("/usr/bin") / program,
                                       .target = path.text()});
        out.same_places.push_back(
            {.kind = name == program ? Place::program : Place::library, .path = path});
        if (name.find(".so") != std::string::npos)
            add_soname_link(host, path, out);
    }
    return {};
}

} // namespace

bool is_wsl(const sys::HostFs& host) {
    const auto facts = host.stat(device());
    return facts && facts->type == sys::FileFacts::Type::character_device;
}

Result<Inventory> of_wsl(const sys::HostFs& host, const InventoryScope& scope) {
    Inventory out{.driver_version = "wsl",
                  .pass_through = PassThrough{.platform = "Windows (WSL)",
                                              .one_gpu = "Windows' GPUs are one device here",
                                              .any_uuid = true}};
    out.gpus.emplace_back();
    out.control_nodes.push_back(GRAPNEL_TRY(device_node(host)));
    const auto store = GRAPNEL_TRY(driver_store(host, out.notices));
    GRAPNEL_TRY(add_store(host, store, out));
    const auto own = host_path("/usr/lib/wsl/lib");
    if (host.stat(own / "libdxcore.so"))
        out.same_places.push_back({.kind = Place::library, .path = own / "libdxcore.so"});
    else
        out.notices.warn((own / "libdxcore.so").text()
                         + " is not there: the driver's libraries need it");
    out.same_place_libraries = {store, own};
    if (scope.cuda_version)
        out.cuda_version = cuda_version_in(host, store / "libcuda.so.1.1");
    return out;
}

} // namespace grapnel::driver
