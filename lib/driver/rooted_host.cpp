// SPDX-License-Identifier: Apache-2.0
#include "driver/rooted_host.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

namespace grapnel {

namespace {

constexpr int most_links = 40; // as the kernel follows in one path (path_resolution(7))

Error walk_error(int number, const HostPath& path, const HostPath& root) {
    return {.kind = Error::Kind::system,
            .what = "look up " + path.text() + " in " + root.text(),
            .sys = number};
}

std::string_view first_component(const HostPath& path) {
    const auto rest = std::string_view(path.text()).substr(1);
    return rest.substr(0, rest.find('/'));
}

/// The kernel's file systems are the host's in every root.
bool is_of_the_kernel(const HostPath& path) {
    const auto first = first_component(path);
    return first == "proc" || first == "sys";
}

HostPath joined(const HostPath& root, const HostPath& below) {
    if (root.text() == "/")
        return below;
    auto out = root;
    for (const auto component : split(std::string_view(below.text()).substr(1), '/'))
        if (!component.empty())
            out = out / component;
    return out;
}

/// The path without `root` at its beginning, which ends where a component ends.
HostPath without_root(const HostPath& path, const HostPath& root) {
    if (root.text() == "/" || path == root)
        return path == root ? host_path("/") : path;
    if (!path.text().starts_with(root.text() + "/"))
        return path;
    return host_path(std::string_view(path.text()).substr(root.text().size()));
}

/// Components still to be walked, the next one last.
void push(std::vector<std::string>& pending, std::string_view path) {
    auto components = split(path, '/');
    std::ranges::reverse(components);
    for (const auto component : components)
        if (!component.empty() && component != ".")
            pending.emplace_back(component);
}

} // namespace

RootedHost::RootedHost(const sys::HostFs& host, HostPath driver_root, HostPath device_root)
    : host_(host), driver_root_(std::move(driver_root)), device_root_(std::move(device_root)) {}

HostPath RootedHost::on_host(const HostPath& inside) const {
    if (is_of_the_kernel(inside))
        return inside;
    return joined(first_component(inside) == "dev" ? device_root_ : driver_root_, inside);
}

/// The path inside the root without a link in it.
Result<HostPath> RootedHost::walk(const HostPath& path, bool follow) const {
    std::vector<std::string> pending;
    push(pending, without_root(path, driver_root_).text());
    auto at = host_path("/");
    for (int links = 0; !pending.empty();) {
        const auto component = std::move(pending.back());
        pending.pop_back();
        if (component == "..") {
            at = at.parent();
            continue;
        }
        const auto next = at / component;
        const auto facts = host_.stat_link(on_host(next));
        if (!facts)
            return walk_error(facts.error().sys, path, driver_root_);
        const bool is_link = facts->type == sys::FileFacts::Type::link;
        if (is_link && (follow || !pending.empty())) {
            if (++links > most_links)
                return walk_error(ELOOP, path, driver_root_);
            const auto target = GRAPNEL_TRY(host_.read_link(on_host(next)));
            if (target.starts_with('/'))
                at = host_path("/");
            push(pending, target);
            continue;
        }
        if (facts->type != sys::FileFacts::Type::directory && !pending.empty())
            return walk_error(ENOTDIR, path, driver_root_);
        at = next;
    }
    return at;
}

Result<HostPath> RootedHost::find(const HostPath& path, bool follow) const {
    if (is_of_the_kernel(path))
        return path;
    return on_host(GRAPNEL_TRY(walk(path, follow)));
}

Result<HostPath> RootedHost::place(const HostPath& path, bool follow) const {
    auto found = find(path, follow);
    if (found || !sys::is_missing(found.error()) || path.name().empty())
        return found;
    if (path.parent().text() == "/")
        return on_host(path);
    return GRAPNEL_TRY(place(path.parent(), true)) / path.name();
}

Result<std::string> RootedHost::read(const HostPath& path) const {
    return host_.read(GRAPNEL_TRY(find(path, true)));
}

Result<sys::FileView> RootedHost::map(const HostPath& path) const {
    return host_.map(GRAPNEL_TRY(find(path, true)));
}

Result<std::vector<std::string>> RootedHost::list(const HostPath& path) const {
    return host_.list(GRAPNEL_TRY(find(path, true)));
}

Result<std::vector<std::string>> RootedHost::list_matching(const HostPath& path,
                                                           const sys::NameFilter& keep) const {
    return host_.list_matching(GRAPNEL_TRY(find(path, true)), keep);
}

Result<sys::FileFacts> RootedHost::stat(const HostPath& path) const {
    return host_.stat(GRAPNEL_TRY(find(path, true)));
}

Result<sys::FileFacts> RootedHost::stat_link(const HostPath& path) const {
    return host_.stat_link(GRAPNEL_TRY(find(path, false)));
}

Result<std::string> RootedHost::read_link(const HostPath& path) const {
    return host_.read_link(GRAPNEL_TRY(find(path, false)));
}

Result<HostPath> RootedHost::resolve(const HostPath& path) const {
    if (is_of_the_kernel(path))
        return host_.resolve(path);
    return walk(path, true);
}

Result<std::unique_ptr<RootedHost>>
rooted_host(const sys::HostFs& host, const HostPath& driver_root, const HostPath& device_root) {
    const auto top = host_path("/");
    if (driver_root == top && (device_root.empty() || device_root == top))
        return std::unique_ptr<RootedHost>();
    const auto real = [&](const HostPath& root, const char* key) -> Result<HostPath> {
        auto found = host.resolve(root);
        if (!found && sys::is_missing(found.error()))
            return refused(std::string(key) + " = " + quote(root.text()) + " is not there",
                           "start the driver container, or name the root in the settings");
        return found;
    };
    const auto files = GRAPNEL_TRY(real(driver_root, "nvidia-container-cli.root"));
    if (!device_root.empty())
        return std::make_unique<RootedHost>(host, files,
                                            GRAPNEL_TRY(real(device_root, "device-root")));
    auto rooted = std::make_unique<RootedHost>(host, files, files);
    const auto control = rooted->stat(host_path("/dev/nvidiactl"));
    if (!control && sys::is_without_answer(control.error()))
        return control.error();
    if (!control)
        rooted = std::make_unique<RootedHost>(host, files, top);
    return rooted;
}

} // namespace grapnel
