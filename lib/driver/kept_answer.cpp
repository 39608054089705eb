// SPDX-License-Identifier: Apache-2.0
// For how long the driver's answer holds: the key of the kernel's facts that it is kept under.
#include "driver/probe_answer.hpp"

#include "base/text.hpp"

namespace grapnel {

namespace {

/// A directory that is not there holds nothing.
std::optional<std::vector<std::string>> names(const sys::HostFs& host, const HostPath& directory,
                                              std::string_view prefix) {
    auto found = host.list(directory);
    if (!found && !sys::is_missing(found.error()))
        return std::nullopt;
    std::vector<std::string> out;
    if (found)
        for (auto& name : *found)
            if (name.starts_with(prefix))
                out.push_back(std::move(name));
    return out;
}

/// One line an instance: gpu0/mig/gi1/ci0, the inode of its directory and its time. procfs gives
/// new ones when an instance is made, so that instances with the same numbers differ.
bool add_instances(const sys::HostFs& host, std::string& key) {
    const auto capabilities = host_path("/proc/driver/nvidia/capabilities");
    const auto gpus = names(host, capabilities, "gpu");
    if (!gpus)
        return false;
    for (const auto& gpu : *gpus) {
        const auto gpu_directory = capabilities / gpu / "mig";
        const auto gpu_instances = names(host, gpu_directory, "gi");
        if (!gpu_instances)
            return false;
        for (const auto& gi : *gpu_instances) {
            const auto compute_instances = names(host, gpu_directory / gi, "ci");
            if (!compute_instances)
                return false;
            for (const auto& ci : *compute_instances) {
                const auto facts = host.stat(gpu_directory / gi / ci);
                if (!facts)
                    return false;
                key += "mig\t" + gpu + "/" + gi + "/" + ci + "\t" + std::to_string(facts->inode)
                       + "\t" + std::to_string(facts->modified_ns) + "\n";
            }
        }
    }
    return true;
}

/// Between the key and the answer: no line of a key is empty.
constexpr std::string_view separator = "\n";

} // namespace

std::optional<std::string> probe_key(const sys::HostFs& host, const Inventory& inventory) {
    const auto boot = host.read(host_path("/proc/sys/kernel/random/boot_id"));
    if (!boot || trim(*boot).empty())
        return std::nullopt;
    auto key = std::string(trim(*boot)) + "\ndriver\t" + inventory.driver_version + "\n";
    for (const auto& gpu : inventory.gpus) {
        const auto link = host.stat_link(host_path("/sys/bus/pci/drivers/nvidia") / gpu.pci);
        if (!link)
            return std::nullopt;
        key += "gpu\t" + gpu.pci + "\t" + std::to_string(link->inode) + "\n";
    }
    if (!add_instances(host, key))
        return std::nullopt;
    return key;
}

std::string kept_answer(const std::string& key, const ProbeAnswer& answer) {
    return key + std::string(separator) + to_text(answer);
}

std::optional<ProbeAnswer> parse_kept_answer(std::string_view file, const std::string& key) {
    const auto head = key + std::string(separator);
    if (!file.starts_with(head))
        return std::nullopt;
    auto answer = parse_probe_answer(file.substr(head.size()));
    if (!answer)
        return std::nullopt;
    return std::move(*answer);
}

} // namespace grapnel
