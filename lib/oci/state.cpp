// SPDX-License-Identifier: Apache-2.0
#include "oci/state.hpp"

#include "base/text.hpp"
#include "oci/json.hpp"

#include <algorithm>
#include <limits>

namespace grapnel {

namespace {

bool is_container_id(std::string_view id) {
    constexpr std::size_t longest = 200; // it becomes a file name with an ending
    const auto allowed = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
               || c == '_' || c == '+' || c == '-' || c == '.';
    };
    return is_plain_name(id) && id.size() <= longest && std::ranges::all_of(id, allowed);
}

Result<std::optional<pid_t>> pid_of(const oci::Json& state) {
    const auto* const value = oci::member(state, "pid");
    if (value == nullptr)
        return std::optional<pid_t>();
    const auto* const number = value->get_ptr<const std::uint64_t*>();
    if (number == nullptr || *number > std::numeric_limits<pid_t>::max())
        return refused("'pid' is not a process ID");
    if (*number == 0)
        return std::optional<pid_t>();
    return std::optional<pid_t>(static_cast<pid_t>(*number));
}

Result<State> read_state(std::string_view text) {
    const auto json = GRAPNEL_TRY(oci::parse_object(text, "it"));
    State state;
    state.id = GRAPNEL_TRY(oci::string_member(json, "id"));
    if (!is_container_id(state.id))
        return refused("'id' " + quote(state.id) + " is not a container ID");
    state.pid = GRAPNEL_TRY(pid_of(json));
    state.stopped = GRAPNEL_TRY(oci::string_member(json, "status")) == "stopped";
    auto bundle = GRAPNEL_TRY(oci::string_member(json, "bundle"));
    if (bundle.empty())
        bundle = GRAPNEL_TRY(oci::string_member(json, "bundlePath"));
    if (bundle.empty())
        return refused("'bundle' is missing");
    state.bundle = GRAPNEL_TRY(HostPath::make(bundle).note("'bundle'"));
    const auto root = GRAPNEL_TRY(oci::string_member(json, "root"));
    if (root.starts_with('/'))
        state.root = GRAPNEL_TRY(HostPath::make(root).note("'root'"));
    return state;
}

} // namespace

Result<State> parse_state(std::string_view json) {
    if (json.size() > state_size_limit)
        return refused("the container's state on stdin is longer than 1 MiB");
    return read_state(json)
        .note("the container's state on stdin")
        .cure("this program is an OCI hook: an OCI runtime starts it and writes the state");
}

} // namespace grapnel
