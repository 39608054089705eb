// SPDX-License-Identifier: Apache-2.0
#include "base/format.hpp"
#include "base/text.hpp"
#include "list.hpp"

#include <algorithm>
#include <utility>

namespace grapnel::cli {

namespace {

constexpr auto unknown = "Unknown";

/// Labels and values, in the order in which they are printed.
using Fields = std::vector<std::pair<std::string_view, std::string>>;

std::string known(const std::string& value) {
    return value.empty() ? unknown : printable(value);
}

/// With a domain of eight digits, as NVML writes it.
std::string bus_location(const std::string& pci) {
    const auto colon = std::min(pci.find(':'), pci.size());
    return std::string(colon < 8 ? 8 - colon : 0, '0') + printable(pci);
}

Fields driver_fields(const Inventory& inventory) {
    return {{"NVRM version", known(inventory.driver_version)},
            {"CUDA version", known(inventory.cuda_version.value_or(""))}};
}

Fields gpu_fields(const Gpu& gpu) {
    return {{"Device Index", std::to_string(gpu.index)},
            {"Device Minor", gpu.minor ? std::to_string(*gpu.minor) : unknown},
            {"Model", known(gpu.model)},
            {"Brand", known(gpu.brand.value_or(""))},
            {"GPU UUID", known(gpu.uuid)},
            {"Bus Location", bus_location(gpu.pci)},
            {"Architecture", known(gpu.arch.value_or(""))}};
}

std::string text_of(const Fields& fields) {
    std::string out;
    for (const auto& [label, value] : fields)
        out += format_text("{:<15} {}\n", std::string(label) + ":", value);
    return out;
}

template <typename Part>
std::string row(const Fields& fields, Part part) {
    std::string out;
    for (const auto& field : fields)
        out += (out.empty() ? "" : ",") + std::string(field.*part);
    return out + "\n";
}

std::string labels(const Fields& fields) {
    return row(fields, &Fields::value_type::first);
}

std::string values(const Fields& fields) {
    return row(fields, &Fields::value_type::second);
}

} // namespace

std::string info_text(const Inventory& inventory) {
    auto out = text_of(driver_fields(inventory));
    for (const auto& gpu : inventory.gpus)
        out += "\n" + text_of(gpu_fields(gpu));
    return out;
}

std::string info_csv(const Inventory& inventory) {
    const auto driver = driver_fields(inventory);
    auto out = labels(driver) + values(driver) + "\n" + labels(gpu_fields(Gpu{}));
    for (const auto& gpu : inventory.gpus)
        out += values(gpu_fields(gpu));
    return out;
}

} // namespace grapnel::cli
