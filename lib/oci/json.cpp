// SPDX-License-Identifier: Apache-2.0
#include "oci/json.hpp"

#include "json/text.hpp"

namespace grapnel::oci {

namespace {

Error wrong_type(const char* key, std::string_view expected) {
    return refused("'" + std::string(key) + "' is not " + std::string(expected));
}

} // namespace

Result<Json> parse_object(std::string_view text, std::string_view what) {
    return parse_object(text, what, {});
}

Result<Json> parse_object(std::string_view text, std::string_view what,
                          const std::vector<WantedMember>& wanted) {
    auto json = wanted.empty() ? parse_json(text) : parse_json_members(text, wanted);
    if (json.is_discarded())
        return refused(std::string(what) + " is not valid JSON");
    if (!json.is_object())
        return refused(std::string(what) + " is not a JSON object");
    return json;
}

const Json* member(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

Result<const Json*> object_member(const Json& object, const char* key) {
    const auto* const found = member(object, key);
    if (found != nullptr && !found->is_object())
        return wrong_type(key, "an object");
    return found;
}

Result<const Json*> array_member(const Json& object, const char* key) {
    const auto* const found = member(object, key);
    if (found != nullptr && !found->is_array())
        return wrong_type(key, "an array");
    return found;
}

Result<std::string> string_member(const Json& object, const char* key) {
    const auto* const found = member(object, key);
    if (found == nullptr)
        return std::string();
    const auto* const text = found->get_ptr<const std::string*>();
    if (text == nullptr)
        return wrong_type(key, "a string");
    return *text;
}

Result<std::vector<std::string>> strings_member(const Json& object, const char* key) {
    const auto* const array = GRAPNEL_TRY(array_member(object, key));
    std::vector<std::string> strings;
    if (array == nullptr)
        return strings;
    for (const auto& element : *array) {
        const auto* const text = element.get_ptr<const std::string*>();
        if (text == nullptr)
            return wrong_type(key, "an array of strings");
        strings.push_back(*text);
    }
    return strings;
}

} // namespace grapnel::oci
