// SPDX-License-Identifier: Apache-2.0
#include "sys/held_file.hpp"

#include "base/text.hpp"
#include "sys/atomic_file.hpp"

#include <fcntl.h>

namespace grapnel::sys {

Result<HeldFile> HeldFile::open(const std::string& directory, const std::string& name,
                                std::size_t limit) {
    Fd at(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!at.valid())
        return system_error("open " + quote(directory));
    auto path = GRAPNEL_TRY(path_of(at.ref())) / name;
    auto file = GRAPNEL_TRY(open_regular_file(at.ref(), name, path.text()));
    auto text = GRAPNEL_TRY(read_all(file.fd.ref(), limit, path.text()));
    return HeldFile(std::move(at), std::move(file.fd), std::move(path), std::move(text));
}

Status HeldFile::replace(std::string_view text) const {
    const std::string name(path_.name());
    const auto model = GRAPNEL_TRY(facts(file_.ref(), ""));
    auto fresh = GRAPNEL_TRY(
        AtomicFile::write(directory_.ref(), name, text, model, file_.ref(), path_.text()));
    return fresh.replace(name);
}

} // namespace grapnel::sys
