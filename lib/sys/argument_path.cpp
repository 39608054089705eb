// SPDX-License-Identifier: Apache-2.0
#include "sys/argument_path.hpp"

#include "sys/file.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <unistd.h>

namespace grapnel::sys {

namespace {

/// The offset behind the last component `..`; 0 without such a component.
std::size_t end_of_last_step_up(const std::string& text) {
    std::size_t end = 0;
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto slash = std::min(text.find('/', begin), text.size());
        if (text.compare(begin, slash - begin, "..") == 0)
            end = slash;
        begin = slash + 1;
    }
    return end;
}

Result<HostPath> absolute_path(const std::string& text) {
    if (text.empty() || text.front() == '/')
        return HostPath::make(text);
    std::array<char, PATH_MAX> here{};
    if (getcwd(here.data(), here.size()) == nullptr)
        return system_error("getcwd");
    return HostPath::make(std::string(here.data()) + "/" + text);
}

} // namespace

Result<HostPath> argument_path(const std::string& text) {
    const auto end = end_of_last_step_up(text);
    if (end == 0)
        return absolute_path(text);
    const auto directory = GRAPNEL_TRY(real_path(text.substr(0, end), PathOf::directory));
    return HostPath::make(directory.text() + "/" + text.substr(end));
}

} // namespace grapnel::sys
