// SPDX-License-Identifier: Apache-2.0
// The form of a CDI file by the CDI specification, versions 0.3.0 to 1.1.0.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace grapnel::cdi_command {

struct FormMistake {
    std::string place = {}; ///< devices[0].containerEdits.mounts[1].hostPath; empty: the file
    std::string text = {};

    bool operator==(const FormMistake&) const = default;
};

/// Everything for which an engine refuses the file.
[[nodiscard]] std::vector<FormMistake> form_mistakes(const nlohmann::json& spec);

} // namespace grapnel::cdi_command
