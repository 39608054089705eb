// SPDX-License-Identifier: Apache-2.0
#include "sys/fd.hpp"

#include <unistd.h>

namespace grapnel::sys {

Fd::~Fd() {
    if (fd_ >= 0)
        ::close(fd_); // on Linux the descriptor is gone even if close fails: close(2)
}

} // namespace grapnel::sys
