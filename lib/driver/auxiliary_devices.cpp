// SPDX-License-Identifier: Apache-2.0
// IMEX channels, and the device groups that other modules than nvidia's bring.
#include "driver/auxiliary_devices.hpp"

#include "base/special_devices.hpp"
#include "base/text.hpp"
#include "driver/nodes.hpp"

#include <algorithm>
#include <array>

namespace grapnel::driver {

namespace {

constexpr std::string_view channel_prefix = "channel";
constexpr std::uint32_t misc_major = 10; // MISC_MAJOR of linux/major.h

const HostPath& channel_directory() {
    static const auto directory = host_path("/dev/nvidia-caps-imex-channels");
    return directory;
}

std::vector<std::uint32_t> channels_that_are_there(const sys::HostFs& host) {
    auto channels = numbered(host, channel_directory(), channel_prefix);
    std::erase_if(channels, [](auto channel) { return channel >= minor_limit; });
    return channels;
}

std::string channel_cure(const HostPath& path, const std::optional<DeviceNumber>& number,
                         std::uint32_t count) {
    if (!number)
        return "load a driver that has IMEX channels, or leave NVIDIA_IMEX_CHANNELS out";
    if (number->minor >= count)
        return "ask for a channel below " + std::to_string(count)
               + ", or load the nvidia module with a larger NVreg_ImexChannelCount";
    return "run 'mkdir -p " + channel_directory().text() + " && mknod -m 666 " + path.text() + " c "
           + std::to_string(number->major) + " " + std::to_string(number->minor) + "'";
}

Node channel_node(const sys::HostFs& host, std::optional<std::uint32_t> major,
                  std::uint32_t channel, std::uint32_t count) {
    const auto path = channel_directory() / (std::string(channel_prefix) + std::to_string(channel));
    const auto number = major ? std::optional(DeviceNumber{*major, channel}) : std::nullopt;
    auto out = node(host, path, number);
    out.cure = channel_cure(path, number, count);
    return out;
}

/// Nodes of a group: in `directory`, named `stem`, alone or with a number or "ctl" after it, and
/// with a major number of `module`.
struct Pattern {
    DeviceGroup group;
    std::string_view directory;
    std::string_view stem;
    std::string_view module; ///< its name in /proc/devices; in /proc/misc for a misc device
    bool misc = false;
};

constexpr std::array<Pattern, 5> patterns{{
    {DeviceGroup::gds, "/dev", "nvidia-fs", "nvidia-fs"},
    {DeviceGroup::mofed, "/dev/infiniband", "uverbs", "infiniband_verbs"},
    {DeviceGroup::mofed, "/dev/infiniband", "rdma_cm", "rdma_cm", true},
    {DeviceGroup::gdrcopy, "/dev", "gdrdrv", "gdrdrv"},
    {DeviceGroup::nvswitch, "/dev", "nvidia-nvswitch", "nvidia-nvswitch"},
}};

bool has_stem(std::string_view name, std::string_view stem) {
    if (!name.starts_with(stem))
        return false;
    name.remove_prefix(stem.size());
    return name.empty() || name == "ctl" || parse_number<std::uint32_t>(name);
}

/// Lines of /proc/misc: " 58 rdma_cm".
class GroupReader {
  public:
    GroupReader(const sys::HostFs& host, const Majors& majors, Notices& notices)
        : host_(host), majors_(majors), notices_(notices) {}

    [[nodiscard]] std::vector<Node> nodes(const Pattern& pattern) const {
        std::vector<Node> out;
        const auto directory = host_path(pattern.directory);
        const auto names = host_.list(directory);
        if (!names)
            return out;
        for (const auto& name : *names) {
            if (!has_stem(name, pattern.stem))
                continue;
            auto one = node(host_, directory / name, std::nullopt);
            if (one.found && is_of(pattern, *one.found)) {
                one.expected = one.found;
                out.push_back(std::move(one));
            } else {
                notices_.warn(one.path.text() + " is not given: it is no device of "
                              + std::string(pattern.module));
            }
        }
        return out;
    }

  private:
    /// A node can outlive its module: its number can be any driver's now.
    [[nodiscard]] bool is_of(const Pattern& pattern, const DeviceNumber& number) const {
        if (pattern.misc)
            return number.major == misc_major && misc_minor(host_, pattern.module) == number.minor;
        const auto [first, last] = majors_.equal_range(std::string(pattern.module));
        return std::any_of(first, last,
                           [&](const auto& entry) { return entry.second == number.major; });
    }

    const sys::HostFs& host_;
    const Majors& majors_;
    Notices& notices_;
};

bool is_of_type(const sys::HostFs& host, const HostPath& path, sys::FileFacts::Type type) {
    const auto facts = host.stat(path);
    return facts && facts->type == type;
}

} // namespace

std::uint32_t imex_channel_count(const sys::HostFs& host) {
    constexpr std::uint32_t by_default = 2048; // NVreg_ImexChannelCount
    const auto text = host.read(host_path("/proc/driver/nvidia/params"));
    if (!text)
        return by_default;
    const auto found = fields(*text);
    const auto field = found.find("ImexChannelCount");
    const auto count =
        field == found.end() ? std::nullopt : parse_number<std::uint32_t>(field->second);
    return count.value_or(by_default);
}

std::vector<Node> imex_channels(const sys::HostFs& host, const Majors& majors,
                                const ImexChannels& wanted, Notices& notices) {
    std::vector<Node> out;
    if (wanted.empty())
        return out;
    const auto found = majors.find("nvidia-caps-imex-channels");
    std::optional<std::uint32_t> major;
    if (found != majors.end())
        major = found->second;
    const auto channels = wanted.all ? channels_that_are_there(host) : wanted.listed;
    if (channels.empty())
        notices.warn("all IMEX channels are asked for, and " + channel_directory().text()
                     + " holds none");
    const auto count = imex_channel_count(host);
    for (const auto channel : channels)
        out.push_back(channel_node(host, major, channel, count));
    return out;
}

GroupDevices group_devices(const sys::HostFs& host, const Majors& majors,
                           const DeviceGroups& wanted, Notices& notices) {
    GroupDevices out;
    const GroupReader reader(host, majors, notices);
    for (const auto group : wanted) {
        std::vector<Node> nodes;
        for (const auto& pattern : patterns)
            if (pattern.group == group)
                std::ranges::move(reader.nodes(pattern), std::back_inserter(nodes));
        if (nodes.empty()) {
            const auto name = std::string(device_group_names[static_cast<std::size_t>(group)]);
            notices.warn(name + " is asked for, and this host has no such device");
            continue;
        }
        std::ranges::move(nodes, std::back_inserter(out.nodes));
        if (group != DeviceGroup::gds)
            continue;
        using enum sys::FileFacts::Type;
        // libcufile reads it to find the storage behind a file; beside it in /run/udev lies the
        // socket by which root, a container's root too, has udev run programs on the host
        if (is_of_type(host, host_path("/run/udev/data"), directory))
            out.directories.push_back(host_path("/run/udev/data"));
        if (is_of_type(host, host_path("/etc/cufile.json"), regular))
            out.files.push_back(host_path("/etc/cufile.json"));
    }
    return out;
}

} // namespace grapnel::driver
