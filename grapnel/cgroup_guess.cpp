// SPDX-License-Identifier: Apache-2.0
#include "cgroup_guess.hpp"

namespace grapnel {

std::optional<std::string> CgroupGuess::of(const std::string& engine, const std::string& id) const {
    const auto form = forms_.find(engine);
    if (form == forms_.end() || id.starts_with('.'))
        return std::nullopt;
    return form->second.before + id + form->second.after;
}

void CgroupGuess::learn(const std::string& engine, const std::string& id,
                        const std::string& cgroup) {
    const auto at = id.empty() ? std::string::npos : cgroup.rfind(id);
    if (at != std::string::npos)
        forms_[engine] = {.before = cgroup.substr(0, at), .after = cgroup.substr(at + id.size())};
}

} // namespace grapnel
