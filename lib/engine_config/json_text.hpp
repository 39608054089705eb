// SPDX-License-Identifier: Apache-2.0
// A JSON object as text. Members are set and taken out; every other byte stays.
#pragma once

#include "base/result.hpp"

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::engine_config {

class JsonText {
  public:
    /// Names of members, from the outermost object in.
    using Place = std::vector<std::string>;

    /// Refuses anything but one JSON object, with `name` and, on a syntax error, the line.
    [[nodiscard]] static Result<JsonText> parse(std::string_view text, std::string_view name);

    [[nodiscard]] const std::string& text() const { return text_; }

    /// The value's text; nothing where it, or an object that it would stand in, is missing or null
    /// (a null at the place itself is a value). An error where the place leads through something
    /// that is no object, or where a name stands twice.
    [[nodiscard]] Result<std::optional<std::string>> value(const Place& place) const;

    /// The same as a string; nothing for a value of another type.
    [[nodiscard]] Result<std::optional<std::string>> string(const Place& place) const;

    /// The value there becomes this one, laid out as its surroundings are. Objects that are missing
    /// are made.
    [[nodiscard]] Status set(const Place& place, const nlohmann::ordered_json& value);

    /// The value there becomes this text, which is JSON.
    [[nodiscard]] Status set_text(const Place& place, std::string_view json);

    /// Takes the member out, if there is one.
    [[nodiscard]] Status remove(const Place& place);

    [[nodiscard]] Result<bool> is_object(const Place& place) const;

    /// Whether the value is an object without members.
    [[nodiscard]] Result<bool> is_empty_object(const Place& place) const;

  private:
    struct Found;
    struct Layout;

    JsonText(std::string text, std::string name) : text_(std::move(text)), name_(std::move(name)) {}

    [[nodiscard]] Result<Found> find(const Place& place) const;
    void insert(const Found& parent, const std::string& key, const nlohmann::ordered_json& value);
    [[nodiscard]] Layout layout_of(const Found& object) const;

    std::string text_;
    std::string name_; ///< of the file, for errors
};

} // namespace grapnel::engine_config
