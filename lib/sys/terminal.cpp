// SPDX-License-Identifier: Apache-2.0
#include "sys/terminal.hpp"

#include <unistd.h>

namespace grapnel::sys {

bool is_terminal_stdout() {
    return isatty(STDOUT_FILENO) == 1;
}

} // namespace grapnel::sys
