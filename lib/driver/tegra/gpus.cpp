// SPDX-License-Identifier: Apache-2.0
#include "driver/tegra/gpus.hpp"

#include "base/text.hpp"
#include "driver/graphics.hpp"

#include <algorithm>
#include <set>

namespace grapnel::driver {

namespace {

/// /dev/nvidia and a number, which is the minor of a GPU or of a display.
bool is_gpu_node(const HostPath& path) {
    constexpr std::string_view prefix = "/dev/nvidia";
    const auto& text = path.text();
    return text.starts_with(prefix)
           && parse_number<std::uint32_t>(std::string_view(text).substr(prefix.size()));
}

/// The nodes of one GPU each, except nodes that only the lists assign to the board.
std::set<HostPath> nodes_of_one_gpu(const std::vector<Gpu>& gpus) {
    std::set<HostPath> out;
    for (const auto& gpu : gpus) {
        if (gpu.minor)
            out.insert(host_path("/dev") / ("nvidia" + std::to_string(*gpu.minor)));
        for (const auto& node : gpu.drm_nodes)
            out.insert(node.path);
    }
    return out;
}

/// A card that is out of order may hide its minor: then no number is known to be the board's.
bool every_minor_is_known(const std::vector<Gpu>& gpus) {
    return std::ranges::all_of(gpus, [](const auto& gpu) { return gpu.minor.has_value(); });
}

/// The node of the board's display, which JetPack's lists do not name.
std::optional<Node> display_node(const sys::HostFs& host, const Majors& majors) {
    const auto major = majors.find("nvidia");
    if (major == majors.end())
        return std::nullopt;
    constexpr std::uint32_t minor = 2;
    auto out = node(host, host_path("/dev/nvidia2"), DeviceNumber{major->second, minor});
    return out.found == out.expected ? std::optional(std::move(out)) : std::nullopt;
}

/// The links of /dev/dri/by-path that lead to one of these.
void erase_links_to(const std::set<HostPath>& nodes, std::vector<SamePlace>& places) {
    std::erase_if(places, [&](const auto& place) {
        if (place.kind != SamePlace::Kind::link)
            return false;
        const auto target = link_destination(place.path.text(), place.target);
        const auto path = target ? HostPath::make(*target) : Result<HostPath>(HostPath());
        return path && nodes.contains(*path);
    });
}

bool has_name_of_nvgpu(const Gpu& gpu) {
    return gpu.model.find("(nvgpu)") != std::string::npos;
}

} // namespace

bool is_integrated(const Gpu& gpu) {
    return gpu.model.find("NVIDIA Thor") != std::string::npos || has_name_of_nvgpu(gpu);
}

bool is_served_by_nvgpu(const Gpu& gpu) {
    return gpu.pci.empty() || has_name_of_nvgpu(gpu);
}

void assign_nodes_to_gpus(const sys::HostFs& host, const Majors& majors, Inventory& inventory) {
    auto& gpus = inventory.gpus;
    for (auto& gpu : gpus)
        gpu.drm_nodes = drm_nodes(host, majors, gpu.pci, inventory.notices);
    const auto of_one_gpu = nodes_of_one_gpu(gpus);

    std::vector<Node> common;
    std::vector<Node> of_the_board;
    for (auto& node : inventory.control_nodes)
        if (!of_one_gpu.contains(node.path))
            (is_gpu_node(node.path) ? of_the_board : common).push_back(std::move(node));
    if (auto display = display_node(host, majors))
        of_the_board.push_back(std::move(*display));
    erase_links_to(of_one_gpu, inventory.same_places);

    const auto has = [](const std::vector<Node>& nodes, const HostPath& path) {
        return std::ranges::find(nodes, path, &Node::path) != nodes.end();
    };
    for (auto& node : control_nodes(host, majors, DriverCapabilities::all()))
        if (!has(common, node.path)) {
            node.optional = true; // as all that a list names
            common.push_back(std::move(node));
        }
    inventory.control_nodes = std::move(common);

    if (!every_minor_is_known(gpus))
        return;
    for (auto& gpu : gpus)
        for (const auto& node : of_the_board)
            if (is_integrated(gpu) && !of_one_gpu.contains(node.path)
                && !has(gpu.more_nodes, node.path))
                gpu.more_nodes.push_back(node);
}

} // namespace grapnel::driver
