// SPDX-License-Identifier: Apache-2.0
#include "list.hpp"

#include "base/text.hpp"
#include "plan/select.hpp"
#include "request.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel::cli {

namespace {

constexpr std::string_view capabilities = "/proc/driver/nvidia/capabilities";

/// The order in which NVIDIA's program names libraries; others come after them, by path.
constexpr std::array library_order{
    "libnvidia-ml.so",
    "libnvidia-cfg.so",
    "libnvidia-nscq.so",
    "libcuda.so",
    "libcudadebugger.so",
    "libnvidia-opencl.so",
    "libnvidia-gpucomp.so",
    "libnvidia-ptxjitcompiler.so",
    "libnvidia-fatbinaryloader.so",
    "libnvidia-allocator.so",
    "libnvidia-compiler.so",
    "libnvidia-pkcs11.so",
    "libnvidia-pkcs11-openssl3.so",
    "libnvidia-nvvm.so",
    "libnvidia-tileiras.so",
    "libvdpau_nvidia.so",
    "libnvidia-encode.so",
    "libnvidia-opticalflow.so",
    "libnvcuvid.so",
    "libnvidia-eglcore.so",
    "libnvidia-glcore.so",
    "libnvidia-tls.so",
    "libnvidia-glsi.so",
    "libnvidia-fbc.so",
    "libnvidia-ifr.so",
    "libnvidia-rtcore.so",
    "libnvoptix.so",
    "libGLX_nvidia.so",
    "libEGL_nvidia.so",
    "libGLESv2_nvidia.so",
    "libGLESv1_CM_nvidia.so",
    "libnvidia-glvkspirv.so",
    "libnvidia-cbl.so",
    "libnvidia-ngx.so",
};
/// All that NVIDIA's program knows; configure gives others too.
constexpr std::array<std::string_view, 6> binary_order{
    "nvidia-smi",       "nvidia-debugdump",        "nvidia-persistenced",
    "nv-fabricmanager", "nvidia-cuda-mps-control", "nvidia-cuda-mps-server",
};

/// Each path once: MIG devices of one GPU instance have some in common.
class Lines {
  public:
    void add(const HostPath& path) { add(path.text()); }
    void add(std::string_view path) {
        if (printed_.emplace(path).second)
            text_ += printable(path) + "\n";
    }

    /// The paths of the order first, then the others as they come.
    template <typename Order>
    void add_ordered(std::vector<HostPath>&& paths, const Order& order) {
        std::ranges::stable_sort(paths, {}, [&](const auto& path) {
            return std::ranges::find_if(
                       order, [&](std::string_view name) { return path.name().starts_with(name); })
                   - order.begin();
        });
        for (const auto& path : paths)
            add(path);
    }

    std::string text() && { return std::move(text_); }

  private:
    std::string text_;
    std::set<std::string> printed_;
};

void add_node(Lines& lines, const Node& node) {
    if (node.expected && (node.found || node.creation))
        lines.add(node.path);
}

void add_mig_devices(Lines& lines, const Gpu& gpu) {
    for (const auto& device : gpu.mig_devices) {
        const auto instance = std::string(capabilities) + "/gpu"
                              + std::to_string(gpu.minor.value_or(0)) + "/mig/gi"
                              + std::to_string(device.gpu_instance);
        lines.add(instance + "/access");
        lines.add(instance + "/ci" + std::to_string(device.compute_instance) + "/access");
        for (const auto& node : device.nodes)
            lines.add(node.path);
    }
}

void add_devices(Lines& lines, const Request& request, const Inventory& inventory,
                 const std::vector<Gpu>& selected) {
    for (const auto& node : inventory.control_nodes)
        add_node(lines, node);
    for (const auto& gpu : selected) {
        if (!gpu.node.path.empty()) // a Jetson's own nodes are control nodes
            lines.add(gpu.node.path);
        for (const auto& node : gpu.more_nodes)
            add_node(lines, node);
    }
    if (!request.mig_config && !request.mig_monitor)
        for (const auto& gpu : selected)
            add_mig_devices(lines, gpu);
}

void add_right(Lines& lines, const std::optional<Node>& node, const char* name,
               const MigManagement& offered, const std::vector<Gpu>& selected) {
    lines.add(std::string(capabilities) + "/mig/" + name);
    if (node)
        lines.add(node->path);
    std::set<DeviceNumber> numbers;
    for (const auto& gpu : selected) {
        const auto found = offered.gpus.find(gpu.minor.value_or(0));
        if (found == offered.gpus.end())
            continue;
        lines.add(std::string(capabilities) + "/gpu" + std::to_string(found->first) + "/mig");
        numbers.insert(found->second.begin(), found->second.end());
    }
    if (!offered.has_nodes)
        return;
    lines.add("/dev/nvidia-caps");
    for (const auto& one : offered.nodes)
        if (one.found && numbers.contains(*one.found))
            lines.add(one.path);
}

Status add_rights(Lines& lines, const Request& request, const Inventory& inventory,
                  const std::vector<Gpu>& selected) {
    if (!request.mig_config && !request.mig_monitor)
        return {};
    const auto& offered = inventory.mig_management;
    const auto subject =
        request.mig_config ? Error::Subject::mig_config : Error::Subject::mig_monitor;
    if (!offered.has_proc_files)
        return Status(refused("this driver has no MIG: " + std::string(capabilities)
                              + "/mig is missing"))
            .about(subject);
    if (request.mig_config)
        add_right(lines, offered.config, "config", offered, selected);
    if (request.mig_monitor)
        add_right(lines, offered.monitor, "monitor", offered, selected);
    return {};
}

void add_channels(Lines& lines, const Request& request, const Inventory& inventory) {
    constexpr std::string_view directory = "/dev/nvidia-caps-imex-channels/channel";
    for (const auto channel : request.imex_channels.listed)
        lines.add(std::string(directory) + std::to_string(channel));
    if (request.imex_channels.all)
        for (const auto& node : inventory.imex_channels)
            add_node(lines, node);
}

std::vector<HostPath> same_places(const Inventory& inventory, SamePlace::Kind kind) {
    std::vector<HostPath> out;
    for (const auto& place : inventory.same_places)
        if (place.kind == kind)
            out.push_back(place.path);
    return out;
}

void add_binaries(Lines& lines, const Inventory& inventory) {
    auto paths = same_places(inventory, SamePlace::Kind::program);
    for (const auto& binary : inventory.binaries)
        if (std::ranges::find(binary_order, binary.name) != binary_order.end())
            paths.push_back(binary.path);
    lines.add_ordered(std::move(paths), binary_order);
}

void add_libraries(Lines& lines, const Inventory& inventory) {
    auto paths = same_places(inventory, SamePlace::Kind::library);
    std::vector<HostPath> paths_32bit;
    for (const auto& library : inventory.libraries)
        (library.is_32bit ? paths_32bit : paths).push_back(library.path);
    lines.add_ordered(std::move(paths), library_order);
    lines.add_ordered(std::move(paths_32bit), library_order);
}

void add_sockets(Lines& lines, const Request& request, const Inventory& inventory) {
    for (const auto& path : inventory.sockets) {
        const std::string daemon(path.parent().name());
        if ((request.persistenced || daemon != "nvidia-persistenced")
            && (request.fabricmanager || daemon != "nvidia-fabricmanager"))
            lines.add(path);
    }
    for (const auto& path : inventory.socket_directories)
        lines.add(path);
}

} // namespace

Result<std::string> list_text(const Options& options, const Request& request,
                              const Inventory& inventory) {
    const bool everything = lists_everything(options);
    const auto selected = GRAPNEL_TRY(
        select_gpus(request, inventory.gpus, inventory.probe_fault).about(Error::Subject::devices));
    Lines lines;
    if (request.devices != Request::Devices::none)
        add_devices(lines, request, inventory, selected);
    add_channels(lines, request, inventory);
    GRAPNEL_TRY(add_rights(lines, request, inventory, selected));
    if (everything || options.binaries)
        add_binaries(lines, inventory);
    if (everything || options.libraries)
        add_libraries(lines, inventory);
    if (everything || options.ipcs)
        add_sockets(lines, request, inventory);
    if ((everything || options.firmwares) && request.gsp_firmware)
        for (const auto& path : inventory.firmware)
            lines.add(path);
    return std::move(lines).text();
}

} // namespace grapnel::cli
