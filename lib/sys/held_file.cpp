// SPDX-License-Identifier: Apache-2.0
#include "sys/held_file.hpp"

#include "base/text.hpp"
#include "sys/directory.hpp"
#include "sys/file_like.hpp"

#include <fcntl.h>
#include <unistd.h>

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
    const auto at = directory_.ref();
    const std::string name(path_.name());
    const auto temporary = temporary_name(name);
    const auto model = GRAPNEL_TRY(facts(file_.ref(), ""));
    unlinkat(at.value, temporary.c_str(), 0); // left by a process that was killed
    const Fd fresh(openat(at.value, temporary.c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    auto written = fresh.valid() ? write_all(fresh.ref(), text, path_.text())
                                 : Status(system_error("replace " + path_.text()));
    if (written)
        written = take_rights(fresh.ref(), model).note(path_.text());
    if (written)
        copy_access_attributes(file_.ref(), fresh.ref());
    if (written && renameat(at.value, temporary.c_str(), at.value, name.c_str()) != 0)
        written = system_error("replace " + path_.text());
    if (written)
        return written;
    if (fresh.valid())
        unlinkat(at.value, temporary.c_str(), 0);
    const auto cure = cure_for_writing(written.error().sys);
    return std::move(written).cure(cure);
}

} // namespace grapnel::sys
