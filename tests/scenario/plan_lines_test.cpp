// SPDX-License-Identifier: Apache-2.0
// Every field of a plan is visible in its lines: shown for each plan.json of the cases.
//
//   plan_lines_test CASES-DIRECTORY
#define DOCTEST_CONFIG_IMPLEMENT
#include "plan_lines.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string cases;

std::vector<Json> plans() {
    std::vector<Json> out;
    for (const auto& entry : fs::directory_iterator(cases))
        if (std::ifstream file(entry.path() / "plan.json"); file)
            out.push_back(Json::parse(file));
    return out;
}

/// Other values for a field: of its type, and of other types that look alike.
std::vector<Json> replacements(const Json& value) {
    std::vector<Json> out{nullptr, "", "null", "0", 0, "[]", Json::array(), Json::object()};
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        out.insert(out.end(), {text + "x", text + " ", text + "\n", "\"" + text + "\""});
    } else if (value.is_boolean()) {
        out.emplace_back(!value.get<bool>());
    } else if (value.is_number()) {
        out.emplace_back(value.get<long>() + 1);
    }
    if (!value.is_string())
        out.emplace_back(value.dump());
    return out;
}

std::string lines(const Json& plan) {
    return grapnel::test::plan_lines(plan.dump());
}

void expect_change(const Json& plan, const Json::json_pointer& at, const Json& value) {
    auto changed = plan;
    changed[at] = value;
    INFO(at.to_string(), " = ", value.dump());
    CHECK((changed == plan || lines(changed) != lines(plan)));
}

/// Without one of its members, and with another.
void change_members(const Json& plan, const Json::json_pointer& at) {
    const auto& object = plan[at];
    for (const auto& [key, value] : object.items()) {
        auto without = object;
        without.erase(key);
        expect_change(plan, at, without);
    }
    auto with = object;
    with["new"] = true;
    expect_change(plan, at, with);
}

void change_elements(const Json& plan, const Json::json_pointer& at) {
    const auto& list = plan[at];
    for (std::size_t i = 0; i < list.size(); ++i) {
        auto other = list;
        other.erase(i);
        expect_change(plan, at, other);
        other.push_back(list[i]);
        expect_change(plan, at, other);
    }
    auto longer = list;
    longer.push_back(list.empty() ? Json("new") : list.back());
    expect_change(plan, at, longer);
}

void change_everything(const Json& plan, const Json::json_pointer& at) {
    const auto& value = plan[at];
    if (!at.empty())
        for (const auto& other : replacements(value))
            expect_change(plan, at, other);
    if (value.is_object()) {
        change_members(plan, at);
        for (const auto& [key, member] : value.items())
            change_everything(plan, at / key);
    } else if (value.is_array()) {
        change_elements(plan, at);
        for (std::size_t i = 0; i < value.size(); ++i)
            change_everything(plan, at / i);
    }
}

} // namespace

TEST_CASE("every change of a plan shows") {
    const auto all = plans();
    CHECK(all.size() >= 3);
    for (const auto& plan : all)
        change_everything(plan, Json::json_pointer());
}

TEST_CASE("no plan is one line") {
    CHECK(lines(Json::object()) == "nothing to do\n");
}

int main(int argc, char** argv) {
    if (argc != 2)
        return 2;
    cases = argv[1];
    return doctest::Context().run();
}
