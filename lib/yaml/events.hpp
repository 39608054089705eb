// SPDX-License-Identifier: Apache-2.0
// The events of libyaml's parser.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <yaml.h>

namespace grapnel {

/// Bytes of libyaml; empty for a null pointer.
[[nodiscard]] std::string yaml_text(const yaml_char_t* text);
[[nodiscard]] std::string_view yaml_text(const yaml_char_t* text, std::size_t size);

class YamlEvents {
  public:
    /// `text` stays in place as long as this object.
    explicit YamlEvents(std::string_view text);
    ~YamlEvents();
    YamlEvents(const YamlEvents&) = delete;
    YamlEvents& operator=(const YamlEvents&) = delete;

    /// Valid until the next call. An error names the line.
    [[nodiscard]] Result<const yaml_event_t*> next();

    /// Where the last event begins, from 1 on.
    [[nodiscard]] std::size_t line() const { return event_.start_mark.line + 1; }

  private:
    yaml_parser_t parser_ = {};
    yaml_event_t event_ = {};
    bool is_ready_;
};

} // namespace grapnel
