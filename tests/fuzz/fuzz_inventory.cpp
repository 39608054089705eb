// SPDX-License-Identifier: Apache-2.0
// A host's driver. Input: files, each a line "@PATH" or "@MAJOR:MINOR PATH" (a character device)
// and then its content. The driver's libraries are always there, at version 580.65.06.
#include "base/text.hpp"
#include "base/version.hpp"
#include "driver/inventory.hpp"
#include "driver/library_paths.hpp"
#include "fuzz.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <elf.h>
#include <map>
#include <set>

using namespace grapnel;
using fuzz::expect;

namespace {

using sys::FileFacts;

Error missing(const HostPath& path) {
    return {.kind = Error::Kind::system, .what = "open " + quote(path.text()), .sys = ENOENT};
}

/// A shared object without a SONAME.
std::string library_bytes() {
    Elf64_Ehdr header{};
    std::memcpy(&header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_DYN;
#if defined(__x86_64__)
    header.e_machine = EM_X86_64;
#else
    header.e_machine = EM_AARCH64;
#endif
    std::string bytes(sizeof header, '\0');
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
}

class MadeUpHost final : public sys::HostFs {
  public:
    struct File {
        std::string content = {};
        std::optional<DeviceNumber> device = {};
    };

    explicit MadeUpHost(std::string_view text) {
        for (const auto* const name : {"libcuda.so.580.65.06", "libnvidia-ml.so.580.65.06"})
            add(host_path("/usr/lib64") / name, {.content = library_bytes()});
        File* file = nullptr;
        while (!text.empty()) {
            const auto line = fuzz::take_line(text);
            if (line.starts_with('@'))
                file = add(line.substr(1));
            else if (file != nullptr)
                file->content += std::string(line) + "\n";
        }
    }

    [[nodiscard]] Result<std::string> read(const HostPath& path) const override {
        const auto found = files_.find(path);
        if (found == files_.end())
            return missing(path);
        return found->second.content;
    }
    [[nodiscard]] Result<sys::FileView> map(const HostPath& path) const override {
        const auto found = files_.find(path);
        if (found == files_.end())
            return missing(path);
        return sys::FileView(nullptr, found->second.content, {});
    }
    [[nodiscard]] Result<std::vector<std::string>> list(const HostPath& path) const override {
        const auto found = directories_.find(path);
        if (found == directories_.end())
            return missing(path);
        return std::vector<std::string>(found->second.begin(), found->second.end());
    }
    [[nodiscard]] Result<FileFacts> stat(const HostPath& path) const override {
        if (directories_.contains(path))
            return FileFacts{.type = FileFacts::Type::directory};
        const auto found = files_.find(path);
        if (found == files_.end())
            return missing(path);
        if (const auto device = found->second.device)
            return FileFacts{.type = FileFacts::Type::character_device,
                             .major = device->major,
                             .minor = device->minor};
        return FileFacts{.type = FileFacts::Type::regular, .size = found->second.content.size()};
    }
    /// The driver is bound to every device.
    [[nodiscard]] Result<FileFacts> stat_link(const HostPath& path) const override {
        if (path.parent().text() != "/sys/bus/pci/drivers/nvidia")
            return stat(path);
        return FileFacts{.type = FileFacts::Type::link, .inode = 7};
    }
    [[nodiscard]] Result<std::string> read_link(const HostPath& path) const override {
        return missing(path);
    }
    [[nodiscard]] Result<HostPath> resolve(const HostPath& path) const override {
        if (!directories_.contains(path) && !files_.contains(path))
            return missing(path);
        return path;
    }

  private:
    File* add(std::string_view line) {
        File file;
        const auto number = split(line.substr(0, line.find(' ')), ':');
        const auto major = parse_number<std::uint32_t>(number.front());
        const auto minor = parse_number<std::uint32_t>(number.back());
        if (number.size() == 2 && major && minor) {
            file.device = DeviceNumber{*major, *minor};
            line.remove_prefix(std::min(line.size(), line.find(' ') + 1));
        }
        const auto path = HostPath::make(line);
        return path && !path->name().empty() ? add(*path, std::move(file)) : nullptr;
    }
    File* add(const HostPath& path, File file) {
        for (auto at = path; !at.name().empty(); at = at.parent())
            directories_[at.parent()].emplace(at.name());
        return &files_.insert_or_assign(path, std::move(file)).first->second;
    }

    std::map<HostPath, File> files_ = {};
    std::map<HostPath, std::set<std::string>> directories_ = {};
};

void expect_line(const std::string& text) {
    expect(text.find('\n') == std::string::npos, "a fact is one line");
}

void expect_node(const Node& node) {
    fuzz::expect_normal(node.path.text());
    expect(node.path.parent().text() == "/dev" && node.path.name().starts_with("nvidia"),
           "a node is one of the driver's");
}

/// DIRECTORY/PREFIX with the minor of the node behind it.
void expect_numbered_node(const Node& node, std::string_view directory, std::string_view prefix) {
    expect(node.path.parent().text() == directory, "a node lies in its directory");
    if (node.expected)
        expect(node.expected->minor < minor_limit
                   && node.path.name()
                          == std::string(prefix) + std::to_string(node.expected->minor),
               "a node is named after its minor");
}

void expect_mig_devices(const Gpu& gpu) {
    std::set<std::pair<std::uint32_t, std::uint32_t>> instances;
    for (std::size_t i = 0; i < gpu.mig_devices.size(); ++i) {
        const auto& device = gpu.mig_devices[i];
        expect(gpu.fault.empty(), "a sick GPU has no MIG devices");
        expect(device.index == i, "a MIG device's index is its place");
        const std::pair numbers{device.gpu_instance, device.compute_instance};
        expect(instances.empty() || *instances.rbegin() < numbers,
               "MIG devices are in the order of their instances");
        instances.insert(numbers);
        for (const auto& node : device.nodes)
            expect_numbered_node(node, "/dev/nvidia-caps", "nvidia-cap");
    }
}

void expect_special_devices(const Inventory& inventory) {
    for (const auto& node : inventory.imex_channels)
        expect_numbered_node(node, "/dev/nvidia-caps-imex-channels", "channel");
    for (const auto& node : inventory.group_devices.nodes) {
        fuzz::expect_normal(node.path.text());
        expect(node.path.text().starts_with("/dev/"), "a device lies in /dev");
        expect(node.found && node.found == node.expected, "a device is one of its module");
    }
    for (const auto& node : inventory.mig_management.nodes)
        expect_numbered_node(node, "/dev/nvidia-caps", "nvidia-cap");
    for (const auto& [gpu, numbers] : inventory.mig_management.gpus)
        for (const auto& number : numbers)
            expect(gpu < minor_limit && number.minor < minor_limit, "minors have bounds");
}

void expect_gpus(const std::vector<Gpu>& gpus) {
    for (std::size_t i = 0; i < gpus.size(); ++i) {
        const auto& gpu = gpus[i];
        expect(gpu.index == i, "a GPU's index is its place");
        expect(is_plain_name(gpu.pci), "a GPU's address can name a directory");
        expect_line(gpu.uuid);
        expect_line(gpu.model);
        expect_mig_devices(gpu);
        if (!gpu.fault.empty())
            continue;
        expect_node(gpu.node);
        expect(gpu.minor && gpu.node.expected && gpu.node.expected->minor == *gpu.minor,
               "a sound GPU has a node with its minor");
        for (const auto& node : gpu.drm_nodes) {
            fuzz::expect_normal(node.path.text());
            expect(node.path.parent().text() == "/dev/dri", "DRM nodes lie in one directory");
            expect(node.found == node.expected, "a DRM node is the one that it should be");
        }
    }
}

/// Of a driver that is not of the nvidia module, as /dev/dxg and JetPack's lists make one.
void expect_same_places(const Inventory& inventory) {
    for (const auto& node : inventory.control_nodes)
        expect(node.path.text().starts_with("/dev/") && node.found == node.expected,
               "a node lies in /dev and is what it should be");
    for (const auto& place : inventory.same_places) {
        fuzz::expect_normal(place.path.text());
        expect((place.kind == SamePlace::Kind::link) != place.target.empty(),
               "links have a target");
    }
    for (const auto& notice : inventory.notices.list)
        expect_line(notice.text);
}

void expect_sound(const Inventory& inventory) {
    if (inventory.pass_through) {
        expect_same_places(inventory);
        return;
    }
    const auto version = Version::parse(inventory.driver_version);
    expect(version && version->parts.size() > 1, "a driver has a version");
    expect(is_plain_name(inventory.driver_version), "a version can end a file's name");
    expect(!inventory.cuda_version || Version::parse(*inventory.cuda_version),
           "CUDA's version is a version");
    expect_gpus(inventory.gpus);
    for (const auto& node : inventory.control_nodes)
        expect_node(node);
    for (const auto& node : inventory.other_nodes) {
        expect_node(node);
        expect(node.found && node.found == node.expected, "such a node is one of the driver's");
        expect(!node.path.name().starts_with("nvidia-fs")
                   && !node.path.name().starts_with("nvidia-nvswitch"),
               "nodes of device groups are asked for by name");
    }
    expect_special_devices(inventory);
    for (const auto& library : inventory.libraries) {
        fuzz::expect_normal(library.path.text());
        const auto name = library.path.name();
        const auto infix = name.find(".so.");
        expect(name.ends_with(inventory.driver_version)
                   || (name.starts_with("libnvidia-") && infix != std::string_view::npos
                       && Version::parse(name.substr(infix + 4))),
               "a library is of the driver's version, or has one of its own");
        expect(library.soname.empty() || is_plain_name(library.soname), "a SONAME is a file name");
    }
    expect(std::ranges::is_sorted(inventory.libraries, {}, &Library::path),
           "libraries are sorted by path");
    for (const auto& binary : inventory.binaries)
        expect(binary.path.name() == binary.name, "a program keeps its name");
    for (const auto& path : inventory.firmware) {
        fuzz::expect_normal(path.text());
        expect(path.parent().name() == inventory.driver_version, "firmware is of the version");
    }
    for (const auto& file : inventory.config_files) {
        fuzz::expect_normal(file.inside.text());
        expect(!file.text || file.text->find('{') == std::string::npos
                   || !driver::without_library_paths(*file.text),
               "a text that was changed names no library by its path");
    }
    for (const auto& notice : inventory.notices.list)
        expect_line(notice.text);
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const MadeUpHost host(fuzz::as_text(data, size));
    InventoryScope scope{.driver_capabilities = DriverCapabilities::all(),
                         .cuda_version = true,
                         .library_search_path = {host_path("/opt/nvidia/lib64")},
                         .ldcache_file = host_path("/etc/ld.so.cache"),
                         .mig_devices = true,
                         .mig_management = true,
                         .all_nodes = true,
                         .imex_channels = {.all = true},
                         .device_groups = {DeviceGroup::gds, DeviceGroup::mofed,
                                           DeviceGroup::gdrcopy, DeviceGroup::nvswitch},
                         .may_make_nodes = [] { return true; }};
    const auto inventory = take_inventory(host, scope);
    if (!inventory) {
        expect_line(inventory.error().text());
        return 0;
    }
    expect_sound(*inventory);
    const auto again = take_inventory(host, scope);
    expect(again && *again == *inventory, "the same host has the same inventory");
    scope.known_gpus = parse_known_gpus(to_text(inventory->known_gpus));
    const auto later = take_inventory(host, scope);
    expect(later && later->gpus == inventory->gpus, "what is kept is what the driver says");
    return 0;
}
