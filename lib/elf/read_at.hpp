// SPDX-License-Identifier: Apache-2.0
// Reads plain structures out of untrusted files in memory. Private to this module.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace grapnel {

/// The T that lies at `offset`, aligned or not; nothing where the file ends before it does. T must
/// be a plain structure of this machine's byte order.
template <typename T>
std::optional<T> read_at(std::string_view file, std::uint64_t offset) {
    if (offset > file.size() || file.size() - offset < sizeof(T))
        return std::nullopt;
    T value{};
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

} // namespace grapnel
