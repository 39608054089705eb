// SPDX-License-Identifier: Apache-2.0
// What holds for a request, however it was asked for.
#pragma once

#include "fuzz.hpp"
#include "request/request.hpp"

#include <set>
#include <string>

namespace grapnel::fuzz {

inline void expect_listed_once(const Request& request) {
    expect((request.devices == Request::Devices::listed) == !request.listed.empty(),
           "devices are listed if and only if there is a list");
    std::set<std::string> unique;
    for (const auto& name : request.listed)
        unique.insert(name.text());
    expect(unique.size() == request.listed.size() && !unique.contains(""),
           "a device is listed once, with a name");
}

} // namespace grapnel::fuzz
