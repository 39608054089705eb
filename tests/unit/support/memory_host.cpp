// SPDX-License-Identifier: Apache-2.0
#include "support/memory_host.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>

namespace grapnel::test {

namespace {

using Type = sys::FileFacts::Type;

Error error_of(int number, const std::string& path) {
    return {.kind = Error::Kind::system, .what = "open " + path, .sys = number};
}

bool is_in(const std::vector<std::string>& directories, const std::string& real) {
    return std::ranges::any_of(directories, [&](const auto& path) {
        return real == path || real.starts_with(path + "/");
    });
}

} // namespace

MemoryHost::MemoryHost() {
    nodes_["/"] = {};
}

MemoryHost::Node& MemoryHost::make(std::string_view path) {
    const auto normal = host_path(path);
    if (normal.parent().text() != "/" && !nodes_.contains(normal.parent().text()))
        make(normal.parent().text());
    touch_directory_of(normal);
    auto& node = nodes_[normal.text()];
    node = {.inode = ++last_inode_, .changed = ticks_};
    return node;
}

void MemoryHost::touch_directory_of(const HostPath& path) {
    const auto directory = real(path.parent().text(), 0);
    ticks_ += time_passes_ ? 1 : 0;
    if (const auto found = directory ? nodes_.find(*directory) : nodes_.end();
        found != nodes_.end())
        found->second.changed = ticks_;
}

sys::FileFacts MemoryHost::facts_of(const Node& node) {
    return {.type = node.type,
            .inode = node.inode,
            .major = node.major,
            .minor = node.minor,
            .mode = node.mode,
            .owner = {.group = node.group},
            .modified_ns = static_cast<std::int64_t>(node.inode),
            .changed_ns = static_cast<std::int64_t>(node.changed)};
}

void MemoryHost::directory(std::string_view path) {
    make(path);
}

void MemoryHost::file(std::string_view path, std::string content) {
    auto& node = make(path);
    node.type = Type::regular;
    node.content = std::move(content);
}

void MemoryHost::link(std::string_view path, std::string_view target) {
    auto& node = make(path);
    node.type = Type::link;
    node.content = target;
}

void MemoryHost::character_device(std::string_view path, std::uint32_t major, std::uint32_t minor,
                                  std::uint32_t mode, std::uint32_t group) {
    auto& node = make(path);
    node.type = Type::character_device;
    node.major = major;
    node.minor = minor;
    node.mode = mode;
    node.group = group;
}

void MemoryHost::socket(std::string_view path, std::uint32_t mode, std::uint32_t group) {
    auto& node = make(path);
    node.type = Type::other;
    node.mode = mode;
    node.group = group;
}

void MemoryHost::set_mode(std::string_view path, std::uint32_t mode) {
    nodes_.at(std::string(path)).mode = mode;
}

void MemoryHost::unreadable(std::string_view path, int error) {
    auto& node = make(path);
    node.type = Type::regular;
    node.error = error;
}

void MemoryHost::confine_to(const ReadablePaths& readable) {
    for (const auto& path : readable.read)
        if (const auto behind_links = real(path.text(), 0))
            readable_.push_back(*behind_links);
    for (const auto& path : readable.listed)
        if (const auto behind_links = real(path.text(), 0))
            listed_.push_back(*behind_links);
}

bool MemoryHost::is_readable(const std::string& real) const {
    return readable_.empty() || is_in(readable_, real);
}

void MemoryHost::remove(std::string_view path) {
    touch_directory_of(host_path(path));
    const auto prefix = std::string(path) + "/";
    std::erase_if(nodes_, [&](const auto& entry) {
        return entry.first == path || entry.first.starts_with(prefix);
    });
}

/// The path without a link in it.
Result<std::string> MemoryHost::real(const std::string& path, int links) const {
    if (links > 40)
        return error_of(ELOOP, path);
    std::string at;
    auto rest = std::string_view(path);
    while (!rest.empty()) {
        const auto slash = rest.find('/', 1);
        const auto component = rest.substr(1, slash == rest.npos ? rest.npos : slash - 1);
        rest = slash == rest.npos ? std::string_view() : rest.substr(slash);
        if (component == "..") {
            at = at.substr(0, at.rfind('/'));
            continue;
        }
        if (component.empty() || component == ".")
            continue;
        const auto here = at + "/" + std::string(component);
        const auto found = nodes_.find(here);
        if (found == nodes_.end())
            return error_of(ENOENT, path);
        const auto& node = found->second;
        if (node.type == Type::link) {
            const auto target =
                node.content.starts_with('/') ? node.content : at + "/" + node.content;
            return real(target + std::string(rest), links + 1);
        }
        if (node.type != Type::directory && !rest.empty())
            return error_of(ENOTDIR, path);
        at = here;
    }
    return at.empty() ? "/" : at;
}

Result<std::string> MemoryHost::read(const HostPath& path) const {
    opened_.push_back(path.text());
    const auto file = GRAPNEL_TRY(real(path.text(), 0));
    if (!is_readable(file))
        return error_of(EACCES, path.text());
    const auto& node = nodes_.at(file);
    if (node.error != 0)
        return error_of(node.error, path.text());
    if (node.type != Type::regular)
        return refused(path.text() + " is not a regular file");
    return node.content;
}

Result<sys::FileView> MemoryHost::map(const HostPath& path) const {
    const auto text = std::make_shared<const std::string>(GRAPNEL_TRY(read(path)));
    return sys::FileView(text, *text, GRAPNEL_TRY(stat(path)).id());
}

Result<std::vector<std::string>> MemoryHost::list(const HostPath& path) const {
    const auto directory = GRAPNEL_TRY(real(path.text(), 0));
    if (nodes_.at(directory).type != Type::directory)
        return error_of(ENOTDIR, path.text());
    if (!is_readable(directory) && !is_in(listed_, directory)
        && directory.find("/dev") == std::string::npos)
        return error_of(EACCES, path.text());
    const auto prefix = directory == "/" ? directory : directory + "/";
    std::vector<std::string> names;
    for (const auto& [name, node] : nodes_)
        if (name.size() > prefix.size() && name.starts_with(prefix)
            && name.find('/', prefix.size()) == name.npos)
            names.push_back(name.substr(prefix.size()));
    std::ranges::sort(names);
    return names;
}

Result<sys::FileFacts> MemoryHost::stat(const HostPath& path) const {
    const auto& node = nodes_.at(GRAPNEL_TRY(real(path.text(), 0)));
    return facts_of(node);
}

Result<sys::FileFacts> MemoryHost::stat_link(const HostPath& path) const {
    const auto parent = GRAPNEL_TRY(real(path.parent().text(), 0));
    const auto found = nodes_.find((parent == "/" ? "" : parent) + "/" + std::string(path.name()));
    if (found == nodes_.end())
        return error_of(ENOENT, path.text());
    return facts_of(found->second);
}

Result<std::string> MemoryHost::read_link(const HostPath& path) const {
    const auto parent = GRAPNEL_TRY(real(path.parent().text(), 0));
    const auto found = nodes_.find((parent == "/" ? "" : parent) + "/" + std::string(path.name()));
    if (found == nodes_.end())
        return error_of(ENOENT, path.text());
    if (found->second.type != Type::link)
        return error_of(EINVAL, path.text());
    return found->second.content;
}

Result<HostPath> MemoryHost::resolve(const HostPath& path) const {
    return HostPath::make(GRAPNEL_TRY(real(path.text(), 0)));
}

} // namespace grapnel::test
