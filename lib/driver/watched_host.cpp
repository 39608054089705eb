// SPDX-License-Identifier: Apache-2.0
#include "driver/watched_host.hpp"

#include "driver/readable_paths.hpp"

#include <algorithm>
#include <cerrno>

namespace grapnel::driver {

namespace {

/// The driver asks the GPU for the content of its file, and a sick one does not answer.
bool is_of_silent_gpu(const HostPath& path, const Result<std::string>& text) {
    return !text && (text.error().sys == EIO || text.error().sys == ENODEV)
           && path.name() == "information"
           && path.parent().parent() == host_path("/proc/driver/nvidia/gpus");
}

} // namespace

template <typename T>
Result<T> WatchedHost::watched(Result<T> result) const {
    if (!result && !failure_ && sys::is_without_answer(result.error()))
        failure_ = result.error();
    return result;
}

/// A file that this user may not read is an answer; a file that Landlock denies is not.
template <typename T>
Result<T> WatchedHost::permitted(const HostPath& path, Result<T> result, bool lists) const {
    if (!result && result.error().sys == EACCES && !readable_.read.empty() && !failure_) {
        const auto real = host_.resolve(path);
        if (real && !is_at_or_below(*real, host_path("/dev"))
            && !is_among(host_, readable_.read, *real)
            && !(lists && is_among(host_, readable_.listed, *real)))
            failure_ = outside_readable(path, *real);
    }
    return watched(std::move(result));
}

template <typename T>
Result<T> WatchedHost::opened(const HostPath& path, Result<T> result) const {
    return permitted(path, std::move(result), false);
}

template <typename T>
Result<T> WatchedHost::listed(const HostPath& path, Result<T> result) const {
    return permitted(path, std::move(result), true);
}

Result<std::string> WatchedHost::read(const HostPath& path) const {
    auto text = host_.read(path);
    if (is_of_silent_gpu(path, text)) // once can be a passing failure of the system
        text = host_.read(path);
    return is_of_silent_gpu(path, text) ? text : opened(path, std::move(text));
}

Result<sys::FileView> WatchedHost::map(const HostPath& path) const {
    return opened(path, host_.map(path));
}

Result<std::vector<std::string>> WatchedHost::list(const HostPath& path) const {
    return listed(path, host_.list(path));
}

Result<std::vector<std::string>> WatchedHost::list_matching(const HostPath& path,
                                                            const sys::NameFilter& keep) const {
    return listed(path, host_.list_matching(path, keep));
}

Result<sys::FileFacts> WatchedHost::stat(const HostPath& path) const {
    return watched(host_.stat(path));
}

Result<sys::FileFacts> WatchedHost::stat_link(const HostPath& path) const {
    return watched(host_.stat_link(path));
}

Result<std::string> WatchedHost::read_link(const HostPath& path) const {
    return watched(host_.read_link(path));
}

Result<HostPath> WatchedHost::resolve(const HostPath& path) const {
    return watched(host_.resolve(path));
}

} // namespace grapnel::driver
