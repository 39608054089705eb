// SPDX-License-Identifier: Apache-2.0
// The compute capability of a GPU by its PCI device ID: NVIDIA gives each chip a range of IDs.
// Sources: the chips' names in the PCI ID Repository (pci.ids, vendor 10de) and the compute
// capability of each chip in NVIDIA's CUDA C++ Programming Guide.
#include "driver/compute_capability.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace grapnel::driver {

namespace {

struct Range {
    std::uint32_t first;
    std::uint32_t last;
    std::string_view arch;
};

/// In order and without overlap. An ID outside of all ranges belongs to a chip that this version
/// does not know, or that CUDA does not run on: grapnel-probe is asked then.
constexpr std::array<Range, 48> ranges{{
    {0x0fc0, 0x0fff, "3.0"},  // GK107
    {0x1000, 0x102c, "3.5"},  // GK110, GK110B, GK180
    {0x102d, 0x102d, "3.7"},  // GK210
    {0x102e, 0x103f, "3.5"},  // GK110B
    {0x1180, 0x11bf, "3.0"},  // GK104
    {0x11c0, 0x11ff, "3.0"},  // GK106
    {0x1280, 0x12bf, "3.5"},  // GK208
    {0x1340, 0x137f, "5.0"},  // GM108
    {0x1380, 0x13bf, "5.0"},  // GM107
    {0x13c0, 0x13ff, "5.2"},  // GM204
    {0x1400, 0x143f, "5.2"},  // GM206
    {0x15f0, 0x15ff, "6.0"},  // GP100
    {0x1600, 0x167f, "5.2"},  // GM204
    {0x1725, 0x172f, "6.0"},  // GP100
    {0x174d, 0x174e, "5.0"},  // GM108
    {0x1789, 0x179c, "5.0"},  // GM107
    {0x17c0, 0x17ff, "5.2"},  // GM200
    {0x1b00, 0x1b7f, "6.1"},  // GP102
    {0x1b80, 0x1bff, "6.1"},  // GP104
    {0x1c00, 0x1c7f, "6.1"},  // GP106
    {0x1c80, 0x1cff, "6.1"},  // GP107
    {0x1d00, 0x1d7f, "6.1"},  // GP108
    {0x1d80, 0x1dff, "7.0"},  // GV100
    {0x1e00, 0x1e7f, "7.5"},  // TU102
    {0x1e80, 0x1eff, "7.5"},  // TU104
    {0x1f00, 0x1f7f, "7.5"},  // TU106
    {0x1f80, 0x1fff, "7.5"},  // TU117
    {0x2080, 0x20ff, "8.0"},  // GA100
    {0x2180, 0x21ff, "7.5"},  // TU116
    {0x2200, 0x223f, "8.6"},  // GA102
    {0x2300, 0x237f, "9.0"},  // GH100
    {0x2400, 0x247f, "8.6"},  // GA103
    {0x2480, 0x24ff, "8.6"},  // GA104
    {0x2500, 0x257f, "8.6"},  // GA106
    {0x2580, 0x25ff, "8.6"},  // GA107
    {0x2680, 0x26ff, "8.9"},  // AD102
    {0x2700, 0x277f, "8.9"},  // AD103
    {0x2780, 0x27ff, "8.9"},  // AD104
    {0x2800, 0x287f, "8.9"},  // AD106
    {0x2880, 0x28ff, "8.9"},  // AD107
    {0x2900, 0x29ff, "10.0"}, // GB100, GB102
    {0x2b80, 0x2bff, "12.0"}, // GB202
    {0x2c00, 0x2c7f, "12.0"}, // GB203
    {0x2d00, 0x2d7f, "12.0"}, // GB206
    {0x2d80, 0x2dff, "12.0"}, // GB207
    {0x2f00, 0x2f7f, "12.0"}, // GB205
    {0x3180, 0x31bf, "10.3"}, // GB110
    {0x31c0, 0x31ff, "10.3"}, // GB110 beside a Grace
}};

} // namespace

std::optional<std::string> compute_capability(std::uint32_t device_id) {
    const auto* const found = std::ranges::find_if(ranges, [device_id](const auto& range) {
        return range.first <= device_id && device_id <= range.last;
    });
    if (found == ranges.end())
        return std::nullopt;
    return std::string(found->arch);
}

std::optional<std::string> compute_capability(const sys::HostFs& host, const std::string& pci) {
    const auto text = host.read(host_path("/sys/bus/pci/devices") / pci / "device");
    if (!text)
        return std::nullopt;
    const auto word = trim(*text); // 0x2335
    if (!word.starts_with("0x"))
        return std::nullopt;
    const auto device_id = parse_number<std::uint32_t>(word.substr(2), 16);
    return device_id ? compute_capability(*device_id) : std::nullopt;
}

} // namespace grapnel::driver
