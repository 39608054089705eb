// SPDX-License-Identifier: Apache-2.0
#include "inventory/watched_host.hpp"

namespace grapnel::inventory {

template <typename T>
Result<T> WatchedHost::watched(Result<T> result) const {
    if (!result && !failure_ && sys::is_without_answer(result.error()))
        failure_ = result.error();
    return result;
}

Result<std::string> WatchedHost::read(const HostPath& path) const {
    return watched(host_.read(path));
}

Result<sys::FileView> WatchedHost::map(const HostPath& path) const {
    return watched(host_.map(path));
}

Result<std::vector<std::string>> WatchedHost::list(const HostPath& path) const {
    return watched(host_.list(path));
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

} // namespace grapnel::inventory
