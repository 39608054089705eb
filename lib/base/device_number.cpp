// SPDX-License-Identifier: Apache-2.0
#include "base/device_number.hpp"

#include "base/format.hpp"

namespace grapnel {

std::string DeviceRule::text() const {
    const auto number = [](const auto& value) { return value ? std::to_string(*value) : "*"; };
    const char kind = type == Type::all ? 'a' : type == Type::block ? 'b' : 'c';
    return format_text("{} {}:{} {}{}{}", kind, number(major), number(minor),
                       (access & access_read) != 0 ? "r" : "",
                       (access & access_write) != 0 ? "w" : "",
                       (access & access_mknod) != 0 ? "m" : "");
}

} // namespace grapnel
