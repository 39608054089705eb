// SPDX-License-Identifier: Apache-2.0
#include "sys/directory.hpp"

#include "base/text.hpp"
#include "sys/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace grapnel::sys {

std::string temporary_name(const std::string& name) {
    return "." + name + ".grapnel-" + std::to_string(getpid());
}

Result<Fd> open_directory_in(FdRef directory, const std::string& path) {
    Fd fd(openat(directory.value, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid())
        return system_error("open the directory " + quote(path));
    return fd;
}

Result<Fd> make_directories_in(FdRef directory, const std::string& path) {
    const auto slash = path.rfind('/');
    if (mkdirat(directory.value, path.c_str(), 0700) != 0 && errno != EEXIST) {
        if (errno != ENOENT || slash == std::string::npos)
            return system_error("make the directory " + quote(path));
        GRAPNEL_TRY(make_directories_in(directory, path.substr(0, slash)));
        if (mkdirat(directory.value, path.c_str(), 0700) != 0 && errno != EEXIST)
            return system_error("make the directory " + quote(path));
    }
    return open_directory_in(directory, path);
}

Result<std::vector<std::string>> first_names(FdRef directory) {
    alignas(dirent64) std::array<char, 2048> buffer{};
    const auto count = getdents64(directory.value, buffer.data(), buffer.size());
    if (count < 0)
        return system_error("read a directory");
    std::vector<std::string> names;
    for (long at = 0; at < count;) {
        const auto* const entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
        names.emplace_back(static_cast<const char*>(entry->d_name));
        at += entry->d_reclen;
    }
    std::erase_if(names, [](const auto& name) { return name == "." || name == ".."; });
    return names;
}

Status set_link_in(FdRef directory, const std::string& name, const std::string& target) {
    if (symlinkat(target.c_str(), directory.value, name.c_str()) == 0)
        return {};
    if (errno != EEXIST)
        return system_error("make the link " + quote(name));
    GRAPNEL_TRY(remove_file_in(directory, name));
    if (symlinkat(target.c_str(), directory.value, name.c_str()) != 0)
        return system_error("make the link " + quote(name));
    return {};
}

Result<std::string> read_link_in(FdRef directory, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const auto length = readlinkat(directory.value, name.c_str(), target.data(), target.size());
    if (length < 0)
        return system_error("read the link " + quote(name));
    return std::string(target.data(), static_cast<std::size_t>(length));
}

namespace {

Result<Fd> open_to_write(FdRef directory, const std::string& name, int flags) {
    flags |= O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    Fd file(openat(directory.value, name.c_str(), flags, 0600));
    if (!file.valid())
        return system_error("open " + quote(name));
    return file;
}

} // namespace

Result<Fd> open_to_append(FdRef directory, const std::string& name) {
    return open_to_write(directory, name, O_APPEND | O_CREAT);
}

Status overwrite(FdRef directory, const std::string& name, std::string_view text) {
    const auto file = GRAPNEL_TRY(open_to_write(directory, name, O_CREAT));
    GRAPNEL_TRY(write_all(file.ref(), text, quote(name)));
    if (ftruncate(file.ref().value, static_cast<off_t>(text.size())) != 0)
        return system_error("truncate " + quote(name));
    return {};
}

Result<std::int64_t> birth_time(FdRef file) {
    struct statx found {};
    if (statx(file.value, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BTIME, &found) != 0)
        return system_error("statx");
    if ((found.stx_mask & STATX_BTIME) == 0)
        return 0;
    return found.stx_btime.tv_sec * std::int64_t{1'000'000'000} + found.stx_btime.tv_nsec;
}

Status remove_directory_in(FdRef directory, const std::string& path) {
    if (unlinkat(directory.value, path.c_str(), AT_REMOVEDIR) != 0)
        return system_error("remove " + quote(path));
    return {};
}

} // namespace grapnel::sys
