// SPDX-License-Identifier: Apache-2.0
// Device numbers, and the rules of the device cgroup.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace grapnel {

struct DeviceNumber {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    auto operator<=>(const DeviceNumber&) const = default;
};

/// The accesses of a device rule. The values are the kernel's (BPF_DEVCG_ACC_* of linux/bpf.h).
enum DeviceAccess : std::uint32_t { access_mknod = 1, access_read = 2, access_write = 4 };

struct DeviceRule {
    enum class Type { all, character, block };
    bool allow = true;
    Type type = Type::character;
    std::optional<std::uint32_t> major = {}; ///< nothing: any
    std::optional<std::uint32_t> minor = {}; ///< nothing: any
    std::uint32_t access = access_read | access_write;

    auto operator<=>(const DeviceRule&) const = default;

    /// As cgroup v1 writes it: "c 195:0 rw".
    [[nodiscard]] std::string text() const;
};

} // namespace grapnel
