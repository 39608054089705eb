// SPDX-License-Identifier: Apache-2.0
#include "plan/gpus_of_others.hpp"

#include "base/text.hpp"

namespace grapnel::plan {

Status refuse_gpus_of_others(const Request& request, const Inventory& inventory) {
    if (request.devices != Request::Devices::listed || inventory.gpus_of_others.empty())
        return {};
    return refused("unknown device " + quote(request.listed.front().text())
                       + ": the nvidia driver holds none of this host's NVIDIA GPUs, which are "
                       + enumerate(inventory.gpus_of_others),
                   "bind one to the nvidia driver, or start the container where it has one");
}

} // namespace grapnel::plan
