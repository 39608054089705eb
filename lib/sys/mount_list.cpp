// SPDX-License-Identifier: Apache-2.0
#include "sys/mount_list.hpp"

#include "sys/proc_self.hpp"
#include "sys/retry.hpp"

#include <fcntl.h>
#include <memory>
#include <string>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr std::size_t read_size = std::size_t{128} << 10;
constexpr std::size_t longest_line = std::size_t{1}
                                     << 20; // two paths, each byte as \\ooo, and options

/// Visits the whole lines of `text`, and leaves the rest in it.
void visit_lines(std::string& text, const VisitMount& visit) {
    std::size_t begin = 0;
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
        if (const auto mount = parse_mount_line(std::string_view(text).substr(begin, end - begin)))
            visit(*mount);
        begin = end + 1;
    }
    text.erase(0, begin);
}

} // namespace

Status visit_mounts(FdRef mountinfo, std::string_view name, const VisitMount& visit) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(read_size);
    std::string text;
    for (;;) {
        if (text.size() > longest_line)
            return refused(std::string(name) + " has a line of more than "
                           + std::to_string(longest_line) + " bytes");
        const auto count =
            retried([&] { return ::read(mountinfo.value, buffer.get(), read_size); });
        if (count < 0)
            return system_error("read " + std::string(name));
        text.append(buffer.get(), static_cast<std::size_t>(count));
        visit_lines(text, visit);
        if (count == 0)
            return {};
    }
}

Status visit_own_mounts(const VisitMount& visit) {
    const auto file = GRAPNEL_TRY(open_proc_self("mountinfo", O_RDONLY));
    return visit_mounts(file.ref(), "/proc/self/mountinfo", visit);
}

Status visit_mounts_of(pid_t process, const VisitMount& visit) {
    const auto path = "/proc/" + std::to_string(process) + "/mountinfo";
    const Fd file(retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW); }));
    if (!file.valid())
        return system_error("open " + path);
    return visit_mounts(file.ref(), path, visit);
}

} // namespace grapnel::sys
