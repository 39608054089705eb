// SPDX-License-Identifier: Apache-2.0
#include "confine/sealed_copy.hpp"

#include "sys/child.hpp"
#include "sys/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

namespace grapnel::confine {

Result<sys::Fd> sealed_copy(const HostPath& program) {
    const auto source = GRAPNEL_TRY(sys::open_host_file(program));
    return sealed_copy(source.ref(), program);
}

Result<sys::Fd> sealed_copy(sys::FdRef source, const HostPath& program) {
    auto copy = GRAPNEL_TRY(
        sys::memory_file("grapnel-program", sys::MemoryFile::executable, MFD_ALLOW_SEALING)
            .note(program.text()));
    for (;;) {
        const auto count = sendfile(copy.ref().value, source.value, nullptr, 1 << 24);
        if (count < 0)
            return system_error("copy " + program.text());
        if (count == 0)
            break;
    }
    if (fcntl(copy.ref().value, F_ADD_SEALS,
              F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
        != 0)
        return system_error("seal the copy of " + program.text());
    constexpr mode_t executable_alone = 0111;
    if (fchmod(copy.ref().value, executable_alone) != 0)
        return system_error("chmod of the copy of " + program.text());
    return copy;
}

} // namespace grapnel::confine
