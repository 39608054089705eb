// SPDX-License-Identifier: Apache-2.0
#include "yaml/parse.hpp"

#include "base/text.hpp"
#include "yaml/events.hpp"
#include "yaml/scalar.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace grapnel {

namespace {

using Json = nlohmann::json;

constexpr std::size_t level_limit = 32;
constexpr std::size_t value_limit = 100'000;

/// The size of a text, as a number of values: an alias can repeat a long text.
std::size_t size_of(std::string_view text) {
    constexpr std::size_t bytes = 256;
    return 1 + text.size() / bytes;
}

struct Anchored {
    Json value = {};
    std::size_t size = 0; ///< values in it
    std::size_t depth = 0;
};

/// A sequence or mapping before its end event.
struct Collection {
    Json value = {};
    std::optional<std::string> key = {}; ///< of the next value of a mapping
    std::string anchor = {};
    std::size_t first = 0; ///< count of values before it
    std::size_t depth = 1;
};

class Builder {
  public:
    /// Whether the document goes on.
    Result<bool> take(const yaml_event_t& event) {
        switch (event.type) {
        case YAML_SCALAR_EVENT:
            GRAPNEL_TRY(scalar(event));
            return true;
        case YAML_ALIAS_EVENT:
            GRAPNEL_TRY(alias(yaml_text(event.data.alias.anchor)));
            return true;
        case YAML_SEQUENCE_START_EVENT:
            GRAPNEL_TRY(open(Json::array(), yaml_text(event.data.sequence_start.anchor)));
            return true;
        case YAML_MAPPING_START_EVENT:
            GRAPNEL_TRY(open(Json::object(), yaml_text(event.data.mapping_start.anchor)));
            return true;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
            GRAPNEL_TRY(close());
            return true;
        case YAML_DOCUMENT_END_EVENT:
        case YAML_STREAM_END_EVENT:
            return false;
        default:
            return true;
        }
    }

    Json document() { return std::move(document_); }

  private:
    [[nodiscard]] bool expects_key() const {
        return !open_.empty() && open_.back().value.is_object() && !open_.back().key;
    }

    Status scalar(const yaml_event_t& event) {
        const auto& scalar = event.data.scalar;
        const std::string text(yaml_text(scalar.value, scalar.length));
        if (expects_key())
            return key(text);
        auto value = scalar.plain_implicit != 0 && scalar.style == YAML_PLAIN_SCALAR_STYLE
                         ? yaml_plain_scalar(text)
                         : Json(text);
        return add({.value = std::move(value), .size = size_of(text)}, yaml_text(scalar.anchor));
    }

    Status key(const std::string& text) {
        auto& mapping = open_.back();
        if (mapping.value.contains(text))
            return refused("the key " + quote(text) + " stands twice");
        mapping.key = text;
        return count(size_of(text) - 1);
    }

    Status alias(const std::string& name) {
        if (expects_key())
            return refused("an alias is no key");
        const auto found = anchors_.find(name);
        if (found == anchors_.end())
            return refused("no anchor has the name " + quote(name));
        return add(found->second, {});
    }

    Status open(Json value, std::string anchor) {
        if (expects_key())
            return refused("a key is no scalar");
        if (open_.size() == level_limit)
            return refused("collections nest deeper than " + std::to_string(level_limit)
                           + " levels");
        open_.push_back({.value = std::move(value), .anchor = std::move(anchor), .first = count_});
        return {};
    }

    Status close() {
        auto done = std::move(open_.back());
        open_.pop_back();
        const auto size = count_ - done.first + 1;
        count_ = done.first;
        return add({.value = std::move(done.value), .size = size, .depth = done.depth},
                   done.anchor);
    }

    Status add(Anchored added, const std::string& anchor) {
        GRAPNEL_TRY(count(added.size));
        if (open_.size() + added.depth > level_limit)
            return refused("collections nest deeper than " + std::to_string(level_limit)
                           + " levels");
        if (!anchor.empty())
            anchors_[anchor] = added;
        if (open_.empty()) {
            document_ = std::move(added.value);
            return {};
        }
        auto& into = open_.back();
        into.depth = std::max(into.depth, added.depth + 1);
        if (into.value.is_array())
            into.value.push_back(std::move(added.value));
        else {
            into.value[*into.key] = std::move(added.value);
            into.key.reset();
        }
        return {};
    }

    Status count(std::size_t size) {
        if (size > value_limit - count_)
            return refused("the document has more than " + std::to_string(value_limit) + " values");
        count_ += size;
        return {};
    }

    Json document_ = {};
    std::vector<Collection> open_ = {};
    std::map<std::string, Anchored> anchors_ = {};
    std::size_t count_ = 0;
};

} // namespace

Result<Json> parse_yaml(std::string_view text) {
    YamlEvents events(text);
    Builder builder;
    while (true) {
        const auto* const event = GRAPNEL_TRY(events.next());
        const bool goes_on =
            GRAPNEL_TRY(builder.take(*event).note("line " + std::to_string(events.line())));
        if (!goes_on)
            return builder.document();
    }
}

} // namespace grapnel
