// SPDX-License-Identifier: Apache-2.0
// grapnel info: the driver, the GPUs and the container engines of this host.
#include "base/format.hpp"
#include "base/notices.hpp"
#include "base/text.hpp"
#include "driver/inventory.hpp"
#include "driver/library_table.hpp"
#include "host.hpp"
#include "host_engines.hpp"
#include "json.hpp"
#include "look.hpp"
#include "prepare/settings_file.hpp"
#include "terminal.hpp"

#include <algorithm>

namespace grapnel {

namespace {

struct OfferedCapability {
    std::string name = {};
    std::size_t libraries = 0;
};

struct HostFacts {
    Result<Inventory> inventory;
    std::vector<OfferedCapability> capabilities = {};
    std::vector<HostEngine> engines = {};
};

/// Libraries of one driver capability; of compat32 the 32-bit ones.
std::size_t libraries_for(DriverCapability capability, const Inventory& inventory) {
    const auto serves = [&](const Library& library) {
        if (capability == DriverCapability::compat32)
            return library.is_32bit;
        return !library.is_32bit
               && driver::library_wanted(library.path.name(), DriverCapabilities{capability});
    };
    return static_cast<std::size_t>(std::ranges::count_if(inventory.libraries, serves));
}

std::vector<OfferedCapability> offered(const Inventory& inventory) {
    std::vector<OfferedCapability> out;
    for (const auto name : driver_capability_names)
        out.push_back({.name = std::string(name),
                       .libraries = libraries_for(*driver_capability(name), inventory)});
    return out;
}

/// Of the PCI device; -1 and a missing file stand for a machine without NUMA.
std::optional<int> numa_node(const sys::HostFs& host, const Gpu& gpu) {
    const auto path = HostPath::make("/sys/bus/pci/devices/" + gpu.pci + "/numa_node");
    const auto text = path ? host.read(*path) : Result<std::string>(path.error());
    const auto number = text ? parse_number<int>(trim(*text)) : std::nullopt;
    return number && *number >= 0 ? number : std::nullopt;
}

Json gpu_json(const sys::HostFs& host, const Gpu& gpu) {
    auto mig = Json::array();
    for (const auto& device : gpu.mig_devices)
        mig.push_back({{"index", device.index},
                       {"gpu_instance", device.gpu_instance},
                       {"compute_instance", device.compute_instance},
                       {"uuid", text_or_null(device.uuid)}});
    const auto numa = numa_node(host, gpu);
    return {{"index", gpu.index},
            {"minor", gpu.minor ? Json(*gpu.minor) : Json()},
            {"uuid", text_or_null(gpu.uuid)},
            {"pci", gpu.pci},
            {"model", text_or_null(gpu.model)},
            {"brand", text_or_null(gpu.brand.value_or(""))},
            {"compute_capability", text_or_null(gpu.arch.value_or(""))},
            {"numa_node", numa ? Json(*numa) : Json()},
            {"fault", text_or_null(gpu.fault)},
            {"mig", mig}};
}

Json facts_json(const sys::HostFs& host, const HostFacts& facts) {
    Json json{{"driver", Json()},
              {"gpus", Json::array()},
              {"driver_capabilities", Json::object()},
              {"engines", Json::array()},
              {"warnings", Json::array()},
              {"error", Json()}};
    if (facts.inventory) {
        json["driver"] = {{"version", facts.inventory->driver_version},
                          {"cuda", text_or_null(facts.inventory->cuda_version.value_or(""))}};
        for (const auto& gpu : facts.inventory->gpus)
            json["gpus"].push_back(gpu_json(host, gpu));
        json["warnings"] = texts(facts.inventory->notices);
    } else {
        json["error"] = facts.inventory.error().text();
    }
    for (const auto& capability : facts.capabilities)
        json["driver_capabilities"][capability.name] = {{"libraries", capability.libraries}};
    for (const auto& engine : facts.engines)
        json["engines"].push_back({{"name", engine.name},
                                   {"program", text_or_null(engine.program)},
                                   {"entries", engine.entries}});
    return json;
}

void add_gpu(Tree& tree, const sys::HostFs& host, const Gpu& gpu) {
    auto& line = tree.add(format_text("GPU {}: {} ({})", gpu.index,
                                      gpu.model.empty() ? "unknown model" : printable(gpu.model),
                                      gpu.uuid.empty() ? "no UUID" : printable(gpu.uuid)));
    line.add(format_text("PCI {}, minor {}{}{}", printable(gpu.pci),
                         gpu.minor ? std::to_string(*gpu.minor) : "unknown",
                         gpu.arch ? ", compute capability " + *gpu.arch : "",
                         gpu.brand ? ", " + printable(*gpu.brand) : ""));
    if (const auto numa = numa_node(host, gpu))
        line.add(format_text("NUMA node {}", *numa));
    for (const auto& device : gpu.mig_devices)
        line.add(format_text("MIG {}:{} (instance {}, compute instance {}{})", gpu.index,
                             device.index, device.gpu_instance, device.compute_instance,
                             device.uuid.empty() ? "" : ", " + printable(device.uuid)));
    if (!gpu.fault.empty())
        line.add(printable(gpu.fault), Colour::red);
}

void add_driver(Tree& tree, const sys::HostFs& host, const HostFacts& facts) {
    if (!facts.inventory) {
        tree.add(facts.inventory.error().text(), Colour::red);
        return;
    }
    const auto& inventory = *facts.inventory;
    tree.add(format_text("driver {}, CUDA {}", printable(inventory.driver_version),
                         inventory.cuda_version.value_or("unknown")));
    for (const auto& gpu : inventory.gpus)
        add_gpu(tree, host, gpu);
    for (const auto& other : inventory.gpus_of_others)
        tree.add("GPU bound to another driver: " + printable(other), Colour::yellow);
    auto& capabilities = tree.add("driver capabilities");
    for (const auto& capability : facts.capabilities)
        capabilities.add(capability.libraries == 0
                             ? capability.name + ": no library"
                             : format_text("{}: {} librar{}", capability.name, capability.libraries,
                                           capability.libraries == 1 ? "y" : "ies"),
                         capability.libraries == 0 ? Colour::dim : Colour::none);
    for (const auto& notice : inventory.notices.list)
        tree.add(printable(notice.text), Colour::yellow);
}

std::string facts_text(const sys::HostFs& host, const HostFacts& facts) {
    Tree tree{.text = "Grapnel " GRAPNEL_VERSION, .colour = Colour::bold};
    add_driver(tree, host, facts);
    auto& engines =
        tree.add(facts.engines.empty() ? "no container engine is installed" : "container engines");
    for (const auto& engine : facts.engines) {
        auto& line =
            engines.add(engine.name + (engine.program.empty() ? "" : " (" + engine.program + ")"));
        if (engine.entries.empty())
            line.add("Grapnel is not configured here", Colour::dim);
        for (const auto& entry : engine.entries)
            line.add(entry);
    }
    return to_text(tree, Terminal::of_stdout());
}

Status run_info(const LookArguments& arguments) {
    GRAPNEL_TRY(check_no_operand(info_command(), arguments));
    const auto loaded = load_settings(std::nullopt, Variables::count);
    const Log log("grapnel");
    HostFacts facts{.inventory = describe_host(loaded.settings, request_for_all(), log)};
    if (facts.inventory)
        facts.capabilities = offered(*facts.inventory);
    const sys::LinuxHostFs host;
    facts.engines = host_engines(host);
    GRAPNEL_TRY(
        say(arguments.options.json ? to_text(facts_json(host, facts)) : facts_text(host, facts)));
    if (!facts.inventory) // the output has it already, where a script looks for it
        return facts.inventory.error();
    return {};
}

} // namespace

int info(std::span<const std::string> words) {
    return look_at_host(info_command(), words, run_info);
}

} // namespace grapnel
