// SPDX-License-Identifier: Apache-2.0
// Paths that say where they are valid. A path of the host and a path inside a container cannot
// be mixed up: they are different types, and both are absolute and normal by construction.
#pragma once

#include "base/result.hpp"

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace grapnel {

/// `text` made normal: no empty, `.` or `..` component, no slash at the end ("/" stays).
/// Refuses relative paths, `..`, NUL bytes and anything longer than PATH_MAX.
[[nodiscard]] Result<std::string> normal_absolute_path(std::string_view text);

/// The same, with each `..` taken back together with the component before it, as a program does
/// that joins paths before it looks at any file. Only for text that is trusted.
[[nodiscard]] Result<std::string> lexically_normal(std::string_view text);

/// Where a link at the normal path `link` leads as its text says; nothing for one that leads
/// above the root, to the root or to itself.
[[nodiscard]] std::optional<std::string> link_destination(std::string_view link,
                                                          std::string_view target);

template <typename Where>
class BasicPath {
  public:
    BasicPath() = default;

    [[nodiscard]] static Result<BasicPath> make(std::string_view text) {
        auto normal = normal_absolute_path(text);
        if (!normal)
            return std::move(normal).error();
        return BasicPath(std::move(*normal));
    }

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

    /// The last component; empty for "/".
    [[nodiscard]] std::string_view name() const noexcept {
        return std::string_view(text_).substr(text_.rfind('/') + 1);
    }
    /// The directory that holds name(); "/" for "/".
    [[nodiscard]] BasicPath parent() const {
        const auto slash = text_.rfind('/');
        return BasicPath(slash == 0 || slash == std::string::npos ? "/" : text_.substr(0, slash));
    }
    /// One component further down. `component` must be a plain name; callers check names that
    /// come from outside with is_plain_name().
    [[nodiscard]] BasicPath operator/(std::string_view component) const {
        return BasicPath((text_ == "/" ? "" : text_) + "/" + std::string(component));
    }

    auto operator<=>(const BasicPath&) const = default;

  private:
    explicit BasicPath(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

/// A path in the mount namespace that this program was started in.
using HostPath = BasicPath<struct HostTag>;
/// A path below a container's root. The file there is not trusted: the root file system belongs to
/// the image, and only sys::RootDir may look such a path up.
using InsidePath = BasicPath<struct InsideTag>;

/// True for a single path component: not empty, `.` or `..`, without '/' and NUL, at most 255
/// bytes.
[[nodiscard]] bool is_plain_name(std::string_view name);

/// A path written in this program's source. Ends the program if it is not absolute and normal.
[[nodiscard]] HostPath host_path(std::string_view literal);
[[nodiscard]] InsidePath inside_path(std::string_view literal);

} // namespace grapnel
