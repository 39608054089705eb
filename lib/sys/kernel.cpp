// SPDX-License-Identifier: Apache-2.0
#include "sys/kernel.hpp"

#include <cerrno>
#include <sys/utsname.h>

namespace grapnel::sys {

Error call_error(const char* call, const std::string& object) {
    if (errno != ENOSYS)
        return system_error(std::string(call) + " " + object);
    struct utsname name {};
    const std::string release = uname(&name) == 0 ? name.release : "?";
    return refused("this kernel (" + release + ") lacks the system call " + call,
                   "Linux 5.12 or newer is needed");
}

} // namespace grapnel::sys
