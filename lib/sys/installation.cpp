// SPDX-License-Identifier: Apache-2.0
#include "sys/installation.hpp"

#include "sys/program.hpp"

namespace grapnel::sys {

HostPath installed_program(std::string_view relative, const HostPath& built) {
    const auto own = own_program();
    if (!own || own->parent().name() != "bin")
        return built;
    const auto installed = own->parent().parent() / relative;
    return is_program(installed) ? installed : built;
}

} // namespace grapnel::sys
