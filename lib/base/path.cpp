// SPDX-License-Identifier: Apache-2.0
#include "base/path.hpp"

#include "base/text.hpp"

#include <climits>
#include <cstdlib>

namespace grapnel {

namespace {

Status check_absolute(std::string_view text) {
    if (text.empty() || text.front() != '/')
        return refused("path " + quote(text) + " is not absolute");
    if (text.size() >= PATH_MAX)
        return refused("path " + quote(text) + " is too long");
    if (text.find('\0') != std::string_view::npos)
        return refused("path " + quote(text) + " holds a NUL byte");
    return {};
}

/// Most absolute paths are: to take each apart was a sixth of a start's instructions. False for "/"
/// and for a name that begins with a dot as well.
bool is_surely_normal(std::string_view path) {
    char before = '\0';
    for (const char c : path) {
        if (before == '/' && (c == '/' || c == '.'))
            return false;
        before = c;
    }
    return before != '/';
}

bool leads_above_root(std::string_view path) {
    int depth = 0;
    for (const auto component : split(path, '/')) {
        if (component == "..")
            --depth;
        else if (!component.empty() && component != ".")
            ++depth;
        if (depth < 0)
            return true;
    }
    return false;
}

} // namespace

Result<std::string> normal_absolute_path(std::string_view text) {
    GRAPNEL_TRY(check_absolute(text));
    if (is_surely_normal(text))
        return std::string(text);
    for (const auto component : split(text, '/'))
        if (component == "..")
            return refused("path " + quote(text) + " holds '..'");
    return lexically_normal(text);
}

Result<std::string> lexically_normal(std::string_view text) {
    GRAPNEL_TRY(check_absolute(text));
    if (is_surely_normal(text))
        return std::string(text);
    std::string normal;
    for (const auto component : split(text, '/')) {
        if (component.empty() || component == ".")
            continue;
        if (component == "..") {
            normal.resize(normal.empty() ? 0 : normal.rfind('/'));
            continue;
        }
        normal += '/';
        normal += component;
    }
    return normal.empty() ? "/" : normal;
}

std::optional<std::string> link_destination(std::string_view link, std::string_view target) {
    std::string joined(target);
    if (!target.starts_with('/'))
        joined = std::string(link.substr(0, link.rfind('/') + 1)) + joined;
    if (!is_surely_normal(joined) && leads_above_root(joined))
        return std::nullopt;
    auto normal = lexically_normal(joined);
    if (target.empty() || !normal || *normal == "/" || *normal == link)
        return std::nullopt;
    return std::move(*normal);
}

bool is_plain_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.size() <= NAME_MAX
           && name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

HostPath host_path(std::string_view literal) {
    auto path = HostPath::make(literal);
    return path ? *path : (std::abort(), HostPath());
}

InsidePath inside_path(std::string_view literal) {
    auto path = InsidePath::make(literal);
    return path ? *path : (std::abort(), InsidePath());
}

} // namespace grapnel
