// SPDX-License-Identifier: Apache-2.0
#include "yaml/events.hpp"

namespace grapnel {

std::string_view yaml_text(const yaml_char_t* text, std::size_t size) {
    return {reinterpret_cast<const char*>(text), size};
}

std::string yaml_text(const yaml_char_t* text) {
    return text == nullptr ? std::string() : reinterpret_cast<const char*>(text);
}

YamlEvents::YamlEvents(std::string_view text) : is_ready_(yaml_parser_initialize(&parser_) != 0) {
    if (!is_ready_)
        return;
    const auto* const bytes = text.data() == nullptr ? "" : text.data(); // null is an assertion
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(bytes),
                                 text.size());
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
}

YamlEvents::~YamlEvents() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
}

Result<const yaml_event_t*> YamlEvents::next() {
    yaml_event_delete(&event_);
    if (is_ready_ && yaml_parser_parse(&parser_, &event_) != 0)
        return &event_;
    std::string problem = parser_.problem == nullptr ? "no memory" : parser_.problem;
    if (parser_.context != nullptr) // "while scanning a quoted scalar"
        problem += std::string(" ") + parser_.context + " from line "
                   + std::to_string(parser_.context_mark.line + 1);
    return refused("line " + std::to_string(parser_.problem_mark.line + 1) + ": " + problem);
}

} // namespace grapnel
