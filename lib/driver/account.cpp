// SPDX-License-Identifier: Apache-2.0
#include "driver/account.hpp"

#include "base/text.hpp"

#include <limits>
#include <optional>
#include <string>

namespace grapnel {

namespace {

constexpr std::uint32_t root = 0;

constexpr auto passwd = "/etc/passwd";    // passwd(5): name, password, UID, GID ...
constexpr auto group_file = "/etc/group"; // group(5): name, password, GID ...

/// The last number stands for "no change" in setresuid(2).
std::optional<std::uint32_t> id(std::string_view text) {
    const auto number = parse_number<std::uint32_t>(text);
    return number == std::numeric_limits<std::uint32_t>::max() ? std::nullopt : number;
}

/// The words of the first line with `value` at `column`; empty without such a line.
Result<std::vector<std::string>> entry(const sys::HostFs& host, const char* file,
                                       std::size_t column, std::string_view value) {
    const auto text = GRAPNEL_TRY(host.read(host_path(file)));
    for (const auto line : split(text, '\n')) {
        const auto words = split(line, ':');
        if (words.size() >= 4 && words[column] == value)
            return std::vector<std::string>(words.begin(), words.end());
    }
    return std::vector<std::string>();
}

Error unknown(const char* what, std::string_view name, const char* file) {
    return refused("there is no " + std::string(what) + " " + quote(name) + " in " + file,
                   "see nvidia-container-cli.user in the settings");
}

Result<Account> find_user(const sys::HostFs& host, std::string_view name) {
    const auto number = id(name);
    const auto found = entry(host, passwd, number ? 2 : 0, name);
    const auto user = found && !found->empty() ? id((*found)[2]) : std::nullopt;
    const auto group = found && !found->empty() ? id((*found)[3]) : std::nullopt;
    if (user && group)
        return Account{.user = *user, .group = *group};
    if (number)
        return Account{.user = *number};
    return found ? unknown("user", name, passwd) : found.error();
}

Result<std::uint32_t> find_group(const sys::HostFs& host, std::string_view name) {
    if (const auto number = id(name))
        return *number;
    const auto found = GRAPNEL_TRY(entry(host, group_file, 0, name));
    const auto group = found.empty() ? std::nullopt : id(found[2]);
    if (!group)
        return unknown("group", name, group_file);
    return *group;
}

} // namespace

Result<Account> find_account(const sys::HostFs& host, std::string_view text) {
    if (text.empty())
        return Account{};
    const auto colon = text.find(':');
    auto account = GRAPNEL_TRY(find_user(host, text.substr(0, colon)));
    if (colon != std::string_view::npos)
        account.group = GRAPNEL_TRY(find_group(host, text.substr(colon + 1)));
    if (account.user == root)
        account.user = Account{}.user;
    if (account.group == root)
        account.group = Account{}.group;
    return account;
}

} // namespace grapnel
