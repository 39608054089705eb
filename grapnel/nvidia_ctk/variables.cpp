// SPDX-License-Identifier: Apache-2.0
#include "nvidia_ctk/variables.hpp"

#include <cstdlib>

namespace grapnel::nvidia_ctk {

std::string value_of(const Variable& variable) {
    const char* value = secure_getenv(std::string(variable.name).c_str());
    return value == nullptr ? "" : value;
}

} // namespace grapnel::nvidia_ctk
