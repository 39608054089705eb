// SPDX-License-Identifier: Apache-2.0
// The container's state. Input: its JSON.
#include "fuzz.hpp"
#include "oci/json.hpp"
#include "oci/state.hpp"

using namespace grapnel;
using fuzz::expect;

namespace {

void expect_id(const std::string& id) {
    expect(is_plain_name(id + ".json"), "an ID can name a file");
    for (const char c : id)
        expect((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                   || c == '_' || c == '+' || c == '-' || c == '.',
               "an ID is made of the characters that runc accepts");
    expect(!id.empty() && id != "." && id != "..", "an ID is a name");
}

std::string rendered(const State& state) {
    oci::Json json{{"id", state.id}, {"bundle", state.bundle.text()}};
    if (state.stopped)
        json["status"] = "stopped";
    if (state.pid)
        json["pid"] = *state.pid;
    if (state.root)
        json["root"] = state.root->text();
    return json.dump();
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto state = parse_state(fuzz::as_text(data, size));
    if (!state) {
        fuzz::expect_printable(state.error());
        return 0;
    }
    expect_id(state->id);
    expect(!state->pid || *state->pid > 0, "a process ID is positive");
    fuzz::expect_normal(state->bundle.text());
    if (state->root)
        fuzz::expect_normal(state->root->text());
    const auto again = parse_state(rendered(*state));
    expect(again && *again == *state, "a state survives being written");
    return 0;
}
