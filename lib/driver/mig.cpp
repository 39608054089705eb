// SPDX-License-Identifier: Apache-2.0
// MIG: the parts of a GPU (GPU instances), and their parts in turn (compute instances). Each has an
// `access` file in /proc, which names a device node; a process that can open the node can use the
// instance.
#include "driver/mig.hpp"

#include "base/text.hpp"
#include "driver/nodes.hpp"

#include <algorithm>

namespace grapnel::driver {

namespace {

constexpr std::string_view node_prefix = "nvidia-cap";

HostPath capabilities() {
    return host_path("/proc/driver/nvidia/capabilities");
}

HostPath capability_nodes() {
    return host_path("/dev/nvidia-caps");
}

std::optional<std::uint32_t> capability_major(const Majors& majors) {
    const auto found = majors.find("nvidia-caps");
    return found == majors.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint32_t> minor_of(std::string_view text) {
    const auto number = parse_number<std::uint32_t>(text);
    return number && *number < minor_limit ? number : std::nullopt;
}

Node capability_node(const sys::HostFs& host, const DeviceNumber& number,
                     const HostPath& described_by) {
    const auto name = std::string(node_prefix) + std::to_string(number.minor);
    auto out = node(host, capability_nodes() / name, number);
    out.cure = "run 'nvidia-modprobe -f " + described_by.text() + "'";
    out.described_by = described_by;
    return out;
}

class Reader {
  public:
    Reader(const sys::HostFs& host, const Majors& majors)
        : host_(host), major_(capability_major(majors)) {}

    void add_devices(Gpu& gpu, Notices& notices) const {
        const auto all = capabilities() / ("gpu" + std::to_string(*gpu.minor)) / "mig";
        for (const auto gpu_instance : numbered(host_, all, "gi")) {
            const auto part = all / ("gi" + std::to_string(gpu_instance));
            for (const auto compute_instance : numbered(host_, part, "ci")) {
                MigDevice device{.index = static_cast<unsigned>(gpu.mig_devices.size()),
                                 .gpu_instance = gpu_instance,
                                 .compute_instance = compute_instance};
                add_node(device, part);
                add_node(device, part / ("ci" + std::to_string(compute_instance)));
                if (!device.fault.empty())
                    notices.warn("MIG device " + std::to_string(gpu.index) + ":"
                                 + std::to_string(device.index)
                                 + " cannot be given to a container: " + device.fault);
                gpu.mig_devices.push_back(std::move(device));
            }
        }
    }

  private:
    /// A driver without nodes keeps its instances by the files in /proc alone.
    void add_node(MigDevice& device, const HostPath& instance) const {
        const auto access = instance / "access";
        const auto text = host_.read(access);
        if (!text) {
            device.fault = text.error().text();
            return;
        }
        if (!major_)
            return;
        const auto found = fields(*text);
        const auto field = found.find("DeviceFileMinor");
        const auto minor = field == found.end() ? std::nullopt : minor_of(field->second);
        if (!minor) {
            device.fault = access.text() + " names no device minor";
            return;
        }
        device.nodes.push_back(capability_node(host_, {*major_, *minor}, access));
    }

    const sys::HostFs& host_;
    std::optional<std::uint32_t> major_;
};

/// The GPU's minor of a capability such as gpu0/gi1/ci2/access.
std::optional<std::uint32_t> gpu_of(std::string_view capability) {
    constexpr std::string_view prefix = "gpu";
    const auto slash = capability.find('/');
    if (!capability.starts_with(prefix) || slash == std::string_view::npos)
        return std::nullopt;
    return minor_of(capability.substr(prefix.size(), slash - prefix.size()));
}

} // namespace

void add_mig_devices(const sys::HostFs& host, const Majors& majors, std::vector<Gpu>& gpus,
                     Notices& notices) {
    const Reader reader(host, majors);
    for (auto& gpu : gpus)
        if (gpu.fault.empty())
            reader.add_devices(gpu, notices);
}

MigManagement mig_management(const sys::HostFs& host, const Majors& majors) {
    MigManagement out;
    const auto is_directory = [&](const HostPath& path) {
        const auto facts = host.stat(path);
        return facts && facts->type == sys::FileFacts::Type::directory;
    };
    out.has_proc_files = is_directory(capabilities() / "mig");
    const auto major = capability_major(majors);
    if (!major)
        return out;
    out.has_nodes = true;
    const auto text = host.read(host_path("/proc/driver/nvidia-caps/mig-minors"));
    if (!text)
        return out;
    for (const auto line : split(*text, '\n')) {
        const auto blank = line.find(' ');
        if (blank == std::string_view::npos)
            continue;
        const auto capability = line.substr(0, blank);
        const auto minor = minor_of(line.substr(blank + 1));
        if (!minor)
            continue;
        const DeviceNumber number{*major, *minor};
        if (capability == "config")
            out.config = capability_node(host, number, capabilities() / "mig" / "config");
        else if (capability == "monitor")
            out.monitor = capability_node(host, number, capabilities() / "mig" / "monitor");
        else if (const auto gpu = gpu_of(capability))
            out.gpus[*gpu].push_back(number);
    }
    for (const auto minor : numbered(host, capability_nodes(), node_prefix)) {
        auto one =
            node(host, capability_nodes() / (std::string(node_prefix) + std::to_string(minor)),
                 DeviceNumber{*major, minor});
        if (one.found == one.expected)
            out.nodes.push_back(std::move(one));
    }
    return out;
}

} // namespace grapnel::driver
