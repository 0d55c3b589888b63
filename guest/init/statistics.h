// Resource usage of the guest.
#pragma once

#include "guest/protocol/agent.h"

namespace bothy::init {

agent::Statistics statistics();

}  // namespace bothy::init
